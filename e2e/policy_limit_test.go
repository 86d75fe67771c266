package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// openWhileLimited are the operations outside /api/v1/auth that a limited session may use.
var openWhileLimited = []string{
	"GET /api/v1/users/me", "GET /api/v1/users/me/mfa-compliance", "GET /api/v1/organizations/{}/security-policy",
}

// A limited session gets through with nothing but what leads out of it. The operations come
// from the served document, so that a new one is shut unless it is named here.
func TestLimitedSessionIsShutOut(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		o := newTenant(t, s)
		o.ask(t, s, "require_totp_or_webauthn", 0)
		u := o.join(t, s)
		staysOpen(t, s, u.Token, o.Organization)
		for _, operation := range s.Document(t).Operations {
			route := routeOf(operation)
			if operation.Public || strings.Contains(operation.Path, "/invites/{token}") {
				continue
			}
			path := strings.Replace(operation.Path, "{id}", o.ID, 1)
			c := harness.Call{Method: operation.Method, Path: pathParameter.ReplaceAllString(path, unknownID), Token: u.Token}
			if operation.Body != nil {
				c.Body = map[string]any{}
			}
			open := strings.HasPrefix(operation.Path, "/api/v1/auth/") || slices.Contains(openWhileLimited, route)
			if open && operation.Method != http.MethodGet {
				continue // it would change what the others are tried with
			}
			a := s.Do(t, c)
			if shut := a.Status == http.StatusForbidden && a.Text("error", "type") == "MFA_COMPLIANCE_REQUIRED"; shut == open {
				t.Errorf("%s: open is %v, the answer is %d %s", route, open, a.Status, a.Body)
			}
		}
		// Signing out is leading out of it too.
		s.Do(t, harness.Call{Method: http.MethodPost, Path: "/api/v1/auth/logout", Token: u.Token}).Want(t, http.StatusOK)
	})
}

// Whoever was added to an organization without being asked can leave it, whatever it asks of
// them, and is whole again with the next request.
func TestLimitedMemberCanLeave(t *testing.T) {
	t.Parallel()
	harness.Each(t, policyKinds(), func(t *testing.T, sys *harness.System) {
		s, last := sys.First(), sys.Last()
		o := newTenant(t, s)
		u, other := o.join(t, s), o.join(t, s)
		o.ask(t, s, "require_totp", 0)
		harness.Eventually(t, 10*time.Second, "the member to be limited", func() bool { return limited(t, last, u.Token) })
		members := "/api/v1/organizations/" + o.ID + "/members/"
		last.Do(t, harness.Call{Method: http.MethodDelete, Path: members + other.ID, Token: u.Token}).WantError(t, http.StatusForbidden, "MFA_COMPLIANCE_REQUIRED")
		last.Do(t, harness.Call{Method: http.MethodDelete, Path: members + u.ID, Token: u.Token}).Want(t, http.StatusOK)
		if limited(t, s, u.Token) || limited(t, last, u.Token) {
			t.Error("a user who left is limited")
		}
	})
}

// Whoever joins an organization that gives no time is limited from their first session on,
// however they join, and whoever gives up what they had enrolled is limited at once.
func TestPolicyBindsAtOnce(t *testing.T) {
	t.Parallel()
	harness.Each(t, policyKinds(), func(t *testing.T, sys *harness.System) {
		s, last := sys.First(), sys.Last()
		o := newTenant(t, s)
		o.ask(t, s, "require_totp", 0)
		u := sys.NewUser()
		_, token := s.Invite(t, o.owner.Token, o.Organization, u.Email, "member")
		a := s.Do(t, harness.AcceptAs(u, token)).Want(t, http.StatusOK)
		if u.Token = a.Text("data", "token"); !limited(t, last, u.Token) || !limited(t, s, u.Token) {
			t.Error("a newcomer is not limited")
		}
		staysOpen(t, last, u.Token, o.Organization)
		enrollApp(t, last, u.Token)
		if limited(t, s, u.Token) {
			t.Error("limited with an app")
		}
		export := s.Do(t, harness.Call{Path: "/api/v1/users/me/export", Token: u.Token}).Want(t, http.StatusOK)
		if !strings.Contains(string(export.Body), `"mfa_compliance"`) || !strings.Contains(string(export.Body), o.ID) {
			t.Errorf("the export says nothing of it: %s", export.Body)
		}
		s.Do(t, harness.Call{Method: http.MethodDelete, Path: totpPath + "disable", Token: u.Token, Body: map[string]any{"password": u.Password}}).Want(t, http.StatusOK)
		if !limited(t, last, u.Token) || !limited(t, s, u.Token) {
			t.Error("who gives up the app is not limited")
		}
		if st := standingOf(t, last, u.Token); !overdue(st.Overall) {
			t.Errorf("given up: %+v", st)
		}
		enrollApp(t, s, u.Token)
		if limited(t, last, u.Token) {
			t.Error("limited with an app again")
		}
	})
}
