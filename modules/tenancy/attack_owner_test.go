package tenancy_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

// stale is an authenticator of sessions whose users proved long ago who they are.
type stale struct{ authn.Authenticator }

func (s stale) Authenticate(ctx context.Context, token string) (*authn.Principal, error) {
	p, err := s.Authenticator.Authenticate(ctx, token)
	if err == nil {
		p.FreshFor = 5 * time.Minute
	}
	return p, err
}

// Whoever may make an owner can give an organization away: by a transfer, by a role, by a
// new member or by an invitation. An old session does none of it.
func TestAnOldSessionMakesNoOwner(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	s := newSite(t, b)
	o := s.found(t, s.users["ann"], "Acme")
	s.add(t, s.users["ann"], o.ID, "bob", tenancy.RoleMember)
	api, err := httpx.New(httpx.Settings{PublicURL: "https://id.example.com", Version: "test"}, httpx.Deps{
		Log: b.Log, Clock: b.Clock, Random: rand.Reader, Authenticator: stale{s.users},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Mount(s.Endpoints(), nil); err != nil {
		t.Fatal(err)
	}
	fresh := s.handler
	path := "/api/v1/organizations/" + o.ID
	for _, c := range []struct{ method, path, body, lower string }{
		{http.MethodPost, "/transfer-ownership", fmt.Sprintf(`{"new_owner_user_id":%q}`, s.users["bob"]), ""},
		{http.MethodPatch, "/members/" + s.users["bob"] + "/role", `{"role":"owner"}`, `{"role":"admin"}`},
		{http.MethodPost, "/members", `{"email":"carol@example.com","role":"owner"}`, `{"email":"dave@example.com","role":"admin"}`},
		{http.MethodPost, "/invites", `{"email":"erin@example.com","role":"owner"}`, `{"email":"frank@example.com","role":"admin"}`},
	} {
		s.handler = api.Handler()
		status, body, header := s.call(t, "ann", c.method, path+c.path, c.body)
		if status != http.StatusUnauthorized || !strings.Contains(body, "STEP_UP_REQUIRED") || header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s %s of an old session: %d %s", c.method, c.path, status, body)
		}
		if c.lower != "" {
			if status, body, _ := s.call(t, "ann", c.method, path+c.path, c.lower); status/100 != 2 {
				t.Errorf("%s %s with a lower role: %d %s", c.method, c.path, status, body)
			}
			s.handler = fresh
			if status, body, _ := s.call(t, "ann", c.method, path+c.path, c.body); status/100 != 2 {
				t.Errorf("%s %s of a fresh session: %d %s", c.method, c.path, status, body)
			}
		}
	}
}
