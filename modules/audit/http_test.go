package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

// names takes a token for the id of the user.
type names struct{}

func (names) Authenticate(_ context.Context, token string) (*authn.Principal, error) {
	switch token {
	case "ann":
		return &authn.Principal{SessionID: other, UserID: ann, FreshFor: math.MaxInt64}, nil
	case "bob":
		return &authn.Principal{SessionID: other, UserID: bob, FreshFor: math.MaxInt64}, nil
	case "eve":
		return &authn.Principal{SessionID: other, UserID: other, FreshFor: math.MaxInt64}, nil
	}
	return nil, apperr.ErrInvalidToken
}

// site is the module behind the real edge.
type site struct {
	*house
	handler http.Handler
}

func newSite(t *testing.T, b platformtest.Backend, changes ...func(*setup)) *site {
	t.Helper()
	b.Clock.Set(time.Date(2031, time.January, 1, 0, 0, 0, 123456000, time.UTC))
	h := newHouse(t, b, append([]func(*setup){func(s *setup) { s.ids = &counted{} }}, changes...)...)
	api, err := httpx.New(httpx.Settings{PublicURL: "https://auth.example.com", Version: "test"}, httpx.Deps{
		Log: b.Log, Clock: b.Clock, Random: &counted{}, Authenticator: names{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Mount(h.service.Endpoints(), nil); err != nil {
		t.Fatal(err)
	}
	return &site{house: h, handler: api.Handler()}
}

// get asks for a path, as the user whom the token names.
func (s *site) get(t testing.TB, token, path string, accept ...string) (int, string, http.Header) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	req.RemoteAddr = "203.0.113.7:4711"
	req.Header.Set("X-Request-ID", "request-1")
	req.Header.Set("User-Agent", "curl/8.0")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for _, a := range accept {
		req.Header.Add("Accept", a)
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	got, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(got), w.Header()
}

const (
	acmeTrail = "/api/v1/organizations/" + acme + "/audit-logs"
	ownTrail  = "/api/v1/users/me/audit-logs"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		for i, f := range []events.Fact{
			{Action: "org.create", ActorID: ann, OrganizationID: acme, ResourceType: "organization", ResourceID: acme, Success: true},
			{Action: "org.invite.create", ActorID: bob, OrganizationID: acme, ResourceType: "invite", ResourceID: "i1", Success: true, Metadata: map[string]string{"role": "admin"}, Personal: map[string]string{"email": "eve@example.com"}},
			{Action: "user.login", ResourceType: "user", ResourceID: ann, ErrorType: "AUTHENTICATION_ERROR"},
		} {
			s.Clock.Advance(time.Duration(i) * time.Second)
			s.publish(t, f)
		}
		var all strings.Builder
		for _, step := range []struct{ name, token, path, accept string }{
			{"the organization", "ann", acmeTrail, ""},
			{"a page", "ann", acmeTrail + "?limit=1&success=true", ""},
			{"filtered", "ann", acmeTrail + "?action=org.create&since=2031-01-01T00:00:00Z&until=2031-01-01T00:00:00.123456Z&actor_id=" + strings.ToUpper(ann), ""},
			{"nobody", "", acmeTrail, ""},
			{"a member without the role", "bob", acmeTrail, ""},
			{"no member", "eve", acmeTrail, ""},
			{"no organization", "ann", strings.Replace(acmeTrail, acme, other, 1), ""},
			{"no id", "ann", strings.Replace(acmeTrail, acme, "acme", 1), ""},
			{"wrong in every way", "ann", acmeTrail + "?actor_id=x&since=today&until=2031-01-01&success=1&limit=0&action=&resource_id=%00&user=x&cursor=x", ""},
			{"repeated", "ann", acmeTrail + "?action=a&action=b", ""},
			{"a cursor of nobody", "ann", acmeTrail + "?cursor=eyJhdCI6IjIwMzEtMDEtMDFUMDA6MDA6MDBaIiwiaWQiOiJ4In0", ""},
			{"one's own", "ann", ownTrail, ""},
			{"another's own", "eve", ownTrail, ""},
			{"a member's stream", "bob", acmeTrail, "text/csv"},
			{"a stream with a bad filter", "ann", acmeTrail + "?since=today", "text/csv"},
			{"csv", "ann", acmeTrail + "?success=true&limit=1", "text/csv"},
			{"jsonl", "ann", ownTrail + "?action=user.login", "application/x-ndjson"},
			{"after the exports", "ann", ownTrail + "?action=audit.export", ""},
		} {
			status, body, header := s.get(t, step.token, step.path, step.accept)
			fmt.Fprintf(&all, "## %s\n%d %s\n", step.name, status, header.Get("Content-Type"))
			for _, name := range []string{"Link", "Content-Disposition", "Cache-Control", "Vary"} {
				if v := header.Get(name); v != "" {
					fmt.Fprintf(&all, "%s: %s\n", name, v)
				}
			}
			fmt.Fprintf(&all, "%s\n", strings.TrimSpace(body))
		}
		platformtest.Golden(t, "testdata/answers.golden", []byte(all.String()))
	})
}

// The links of the pages lead through every row once.
func TestPagesFollowTheirLinks(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		for range 25 {
			s.publish(t, events.Fact{Action: "thing.done", ActorID: ann, OrganizationID: acme})
		}
		for _, path := range []string{acmeTrail, ownTrail} {
			seen := map[string]bool{}
			query := url.Values{"limit": {"4"}, "action": {"thing.done"}}
			for {
				before := s.Statements()
				status, body, header := s.get(t, "ann", path+"?"+query.Encode())
				if n := s.Statements() - before; n > 4 {
					t.Errorf("%s: a page took %d statements", path, n)
				}
				var page struct {
					Data audit.Trail
					Meta struct {
						NextCursor *string `json:"next_cursor"`
					}
				}
				if err := json.Unmarshal([]byte(body), &page); err != nil || status != http.StatusOK || page.Data.Count != len(page.Data.Rows) {
					t.Fatalf("%d %s: %v", status, body, err)
				}
				for _, r := range page.Data.Rows {
					if seen[r.ID] {
						t.Errorf("%s comes twice", r.ID)
					}
					seen[r.ID] = true
				}
				if page.Meta.NextCursor == nil || *page.Meta.NextCursor == "" {
					break
				}
				if !strings.Contains(header.Get("Link"), url.QueryEscape(*page.Meta.NextCursor)) {
					t.Errorf("the link is %s", header.Get("Link"))
				}
				query.Set("cursor", *page.Meta.NextCursor)
			}
			if len(seen) != 25 {
				t.Errorf("%s: %d rows", path, len(seen))
			}
		}
	})
}

// Reading leaves no row, and neither does an export that is refused.
func TestOnlyExportsLeaveRows(t *testing.T) {
	t.Parallel()
	s := newSite(t, platformtest.SQLite(t, lines()...))
	s.publish(t, events.Fact{Action: "thing.done", ActorID: ann, OrganizationID: acme})
	for _, step := range []struct {
		token, path, accept string
		rows                int
	}{
		{"ann", acmeTrail, "", 1},
		{"ann", ownTrail, "", 1},
		{"bob", acmeTrail, "text/csv", 1},
		{"", ownTrail, "text/csv", 1},
		{"ann", acmeTrail + "?success=x", "text/csv", 1},
		{"ann", acmeTrail, "text/csv", 2},
		{"ann", ownTrail + "?resource_id=eve@example.com", "application/x-ndjson", 3},
		{"ann", acmeTrail, "text/html, application/json;q=0.9, text/csv;q=0.1", 3},
	} {
		s.get(t, step.token, step.path, step.accept)
		if n := s.count(t, "audit_entries"); n != step.rows {
			t.Errorf("%s %s as %s: %d rows", step.token, step.path, step.accept, n)
		}
	}
	rows, _ := s.page(t, audit.Scope{UserID: ann}, audit.Filter{Action: audit.ActionExport}, nil, 10)
	if len(rows) != 2 || rows[0].Metadata["format"] != "jsonl" || rows[0].Metadata["resource_id"] != "given" || rows[0].OrganizationID != nil ||
		rows[1].Metadata["format"] != "csv" || *rows[1].OrganizationID != acme || *rows[1].RequestID != "request-1" {
		t.Errorf("the exports left %+v", rows)
	}
}
