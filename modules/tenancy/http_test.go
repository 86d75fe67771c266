package tenancy_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

// counted is a source of ids that are known beforehand.
type counted struct{ n atomic.Int64 }

func (c *counted) New() string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", c.n.Add(1)) }

// named takes a token for that of the user with the name that it begins with.
type named map[string]string

func (n named) Authenticate(_ context.Context, token string) (*authn.Principal, error) {
	userID, ok := n[strings.TrimRight(token, "_")]
	if !ok {
		return nil, apperr.ErrInvalidToken
	}
	return &authn.Principal{SessionID: userID, UserID: userID, FreshFor: math.MaxInt64}, nil // whoever signed in, just did
}

// site is the module behind the real edge, with ann, bob, carol and dave.
type site struct {
	*house

	users   named
	handler http.Handler
}

func newSite(t *testing.T, b platformtest.Backend) *site {
	t.Helper()
	b.Clock.Set(time.Date(2031, time.January, 1, 0, 0, 0, 123456000, time.UTC))
	s := &site{users: named{}, house: newHouse(t, b, func(p *tenancy.Parts) { p.IDs = &counted{} })}
	s.change(t, func(ctx context.Context, tx bun.Tx) error {
		for i, name := range []string{"ann", "bob", "carol", "dave"} {
			s.users[name] = fmt.Sprintf("01800000-0000-7000-8000-%012d", i+1)
			if _, err := tx.NewRaw("INSERT INTO crowd_users (id, email) VALUES (?, ?)", s.users[name], name+"@example.com").Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	api, err := httpx.New(httpx.Settings{PublicURL: "https://id.example.com", Version: "test"}, httpx.Deps{
		Log: b.Log, Clock: b.Clock, Random: rand.Reader, Authenticator: s.users,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Mount(s.Endpoints(), nil); err != nil {
		t.Fatal(err)
	}
	s.handler = api.Handler()
	return s
}

// call sends a request of a user.
func (s *site) call(t testing.TB, user, method, path, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	req.RemoteAddr = "203.0.113.7:4711"
	req.Header.Set("X-Request-ID", "request-1")
	if user != "" {
		req.Header.Set("Authorization", "Bearer "+user+strings.Repeat("_", 43-len(user)))
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	got, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(got), w.Header()
}

// The answers of every operation, whole.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const (
		list     = "/api/v1/organizations"
		one      = list + "/01900000-0000-7000-8000-000000000001"
		unknown  = list + "/01900000-0000-7000-8000-999999999999"
		members  = one + "/members"
		bob      = members + "/01800000-0000-7000-8000-000000000002"
		carol    = members + "/01800000-0000-7000-8000-000000000003"
		policy   = one + "/session-policy"
		firstTag = `"000000000001-1-owner"`
	)
	steps := []struct{ name, user, method, path, body, match string }{
		{"create", "ann", "POST", list, `{"name":"Acme","slug":"acme","description":"Two\nlines","logo_url":"https://example.com/a.png"}`, ""},
		{"create again", "ann", "POST", list, `{"name":"Acme","slug":"acme"}`, ""},
		{"create badly", "ann", "POST", list, `{"name":"  ","slug":"No Slug","description":"\u0000","logo_url":"javascript:alert(1)","role":"owner"}`, ""},
		{"create nothing", "ann", "POST", list, `{}`, ""},
		{"create as nobody", "", "POST", list, `{"name":"Acme"}`, ""},
		{"read", "ann", "GET", one, "", ""},
		{"read as a stranger", "dave", "GET", one, "", ""},
		{"read an unknown one", "ann", "GET", unknown, "", ""},
		{"read a malformed one", "ann", "GET", list + "/1", "", ""},
		{"add", "ann", "POST", members, `{"email":"Bob@Example.com","role":"admin"}`, ""},
		{"add again", "ann", "POST", members, `{"email":"bob@example.com","role":"guest"}`, ""},
		{"add nobody", "ann", "POST", members, `{"email":"nobody@example.com","role":"guest"}`, ""},
		{"add badly", "ann", "POST", members, `{"email":"nobody","role":"root"}`, ""},
		{"add an owner as an admin", "bob", "POST", members, `{"email":"carol@example.com","role":"owner"}`, ""},
		{"add a guest as an admin", "bob", "POST", members, `{"email":"carol@example.com","role":"guest"}`, ""},
		{"members", "carol", "GET", members + "?limit=2", "", ""},
		{"members from an offset", "carol", "GET", members + "?limit=2&offset=2", "", ""},
		{"members badly", "carol", "GET", members + "?limit=0&offset=-1&cursor=x&page=2", "", ""},
		{"members from both", "carol", "GET", members + "?offset=1&cursor=x", "", ""},
		{"members as a stranger", "dave", "GET", members, "", ""},
		{"roles", "carol", "GET", one + "/roles", "", ""},
		{"rename", "bob", "PATCH", one, `{"name":"Acme Two","description":null}`, `"000000000001-1-admin"`},
		{"rename too late", "ann", "PATCH", one, `{"name":"Acme Three"}`, firstTag},
		{"rename badly", "ann", "PATCH", one, `{"name":null,"slug":"other","settings":{}}`, ""},
		{"rename to blank", "ann", "PATCH", one, `{"name":" ","logo_url":5}`, ""},
		{"rename as a guest", "carol", "PATCH", one, `{"name":"Mine"}`, ""},
		{"rename as a stranger", "dave", "PATCH", one, `{"name":"Mine"}`, ""},
		{"policy", "bob", "GET", policy, "", ""},
		{"policy as a guest", "carol", "GET", policy, "", ""},
		{"policy replaced", "bob", "PUT", policy, `{"idle_timeout":300,"absolute_timeout":3600}`, `"000000000001-system-system"`},
		{"policy too late", "bob", "PUT", policy, `{"idle_timeout":300}`, `"000000000001-system-system"`},
		{"policy too long", "bob", "PUT", policy, `{"idle_timeout":901,"absolute_timeout":28801}`, ""},
		{"policy badly", "bob", "PUT", policy, `{"idle_timeout":59,"absolute_timeout":"x","remember":1}`, ""},
		{"policy upside down", "bob", "PUT", policy, `{"idle_timeout":600,"absolute_timeout":300}`, ""},
		{"policy lifted", "bob", "PUT", policy, `{"idle_timeout":null}`, ""},
		{"role", "ann", "PATCH", carol + "/role", `{"role":"member"}`, ""},
		{"role badly", "ann", "PATCH", carol + "/role", `{"role":"Member"}`, ""},
		{"role above one's own", "bob", "PATCH", carol + "/role", `{"role":"owner"}`, ""},
		{"role of a stranger", "ann", "PATCH", members + "/01800000-0000-7000-8000-000000000004/role", `{"role":"member"}`, ""},
		{"last owner leaves", "ann", "DELETE", members + "/01800000-0000-7000-8000-000000000001", "", ""},
		{"transfer to a stranger", "ann", "POST", one + "/transfer-ownership", `{"new_owner_user_id":"01800000-0000-7000-8000-000000000004"}`, ""},
		{"transfer badly", "ann", "POST", one + "/transfer-ownership", `{"new_owner_user_id":"bob"}`, ""},
		{"transfer", "ann", "POST", one + "/transfer-ownership", `{"new_owner_user_id":"01800000-0000-7000-8000-000000000002"}`, ""},
		{"transfer again", "ann", "POST", one + "/transfer-ownership", `{"new_owner_user_id":"01800000-0000-7000-8000-000000000002"}`, ""},
		{"remove an owner as an admin", "ann", "DELETE", bob, "", ""},
		{"remove as a member", "carol", "DELETE", bob, "", ""},
		{"leave", "carol", "DELETE", carol, "", ""},
		{"leave again", "carol", "DELETE", carol, "", ""},
		{"mine", "ann", "GET", "/api/v1/users/me/organizations", "", ""},
		{"none", "carol", "GET", "/api/v1/users/me/organizations", "", ""},
		{"delete as an admin", "ann", "DELETE", one, "", ""},
		{"delete too late", "bob", "DELETE", one, "", firstTag},
		{"delete", "bob", "DELETE", one, "", ""},
		{"read a deleted one", "bob", "GET", one, "", ""},
	}
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		var all strings.Builder
		for _, step := range steps {
			var headers []string
			if step.match != "" {
				headers = []string{"If-Match", step.match}
			}
			status, body, header := s.call(t, step.user, step.method, step.path, step.body, headers...)
			fmt.Fprintf(&all, "## %s\n%d\n", step.name, status)
			for _, name := range []string{"Etag", "Location", "Link"} {
				if v := header.Get(name); v != "" {
					fmt.Fprintf(&all, "%s: %s\n", name, v)
				}
			}
			fmt.Fprintf(&all, "%s\n", strings.TrimSpace(body))
		}
		platformtest.Golden(t, "testdata/answers.golden", []byte(all.String()))
	})
}

// TestStrangersSeeNothing: for whoever is no member an organization is answered like one
// that does not exist, to the byte, whatever is asked of it.
func TestStrangersSeeNothing(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		o := s.found(t, s.users["ann"], "Acme")
		s.add(t, s.users["ann"], o.ID, "bob", tenancy.RoleMember)
		removed := s.users["carol"]
		s.add(t, s.users["ann"], o.ID, "carol", tenancy.RoleOwner)
		if err := s.RemoveMember(t.Context(), s.users["ann"], o.ID, removed); err != nil {
			t.Fatal(err)
		}
		bodies := map[string]string{
			"update-organization": `{"name":"x"}`, "add-member": `{"email":"bob@example.com","role":"guest"}`, "change-member-role": `{"role":"guest"}`,
			"transfer-ownership": `{"new_owner_user_id":"` + s.users["bob"] + `"}`, "set-session-policy": `{"idle_timeout":60}`,
			"create-invite": `{"email":"x@example.com","role":"guest"}`,
		}
		for _, e := range s.Endpoints() {
			if !strings.HasPrefix(e.Path, "/api/v1/organizations/{id}") {
				continue
			}
			ask := func(user, organizationID string) string {
				path := strings.NewReplacer("{id}", organizationID, "{userId}", s.users["bob"], "{inviteId}", s.users["bob"]).Replace(e.Path)
				status, body, header := s.call(t, user, e.Method, path, bodies[e.ID])
				return fmt.Sprint(status, body, header)
			}
			for _, user := range []string{"carol", "dave"} {
				known, unknown := ask(user, o.ID), ask(user, s.users["ann"])
				if known != unknown || !strings.HasPrefix(known, "404") {
					t.Errorf("%s as %s:\n%s\nand for an unknown one:\n%s", e.ID, user, known, unknown)
				}
			}
			if e.Permission == "" {
				t.Errorf("%s declares no permission", e.ID)
			}
		}
	})
}

// TestEntityTagsFollowTheRole: what somebody is shown depends on their role, and so does
// its tag.
func TestEntityTagsFollowTheRole(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	s := newSite(t, b)
	o := s.found(t, s.users["ann"], "Acme")
	s.add(t, s.users["ann"], o.ID, "bob", tenancy.RoleMember)
	path := "/api/v1/organizations/" + o.ID
	_, _, header := s.call(t, "bob", http.MethodGet, path, "")
	tag := header.Get("ETag")
	if status, _, _ := s.call(t, "bob", http.MethodGet, path, "", "If-None-Match", tag); status != http.StatusNotModified {
		t.Errorf("an unchanged organization answers %d", status)
	}
	if _, err := s.ChangeRole(t.Context(), s.users["ann"], o.ID, s.users["bob"], tenancy.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	if status, body, _ := s.call(t, "bob", http.MethodGet, path, "", "If-None-Match", tag); status != http.StatusOK || !strings.Contains(body, `"role":"admin"`) {
		t.Errorf("with another role: %d %s", status, body)
	}
}
