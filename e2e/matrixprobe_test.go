package e2e_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// simple is a call to what lies at a path below the organization.
func simple(method string, body map[string]any, below ...string) func(string, target) harness.Call {
	return func(token string, at target) harness.Call {
		c := harness.Call{Method: method, Path: at.org.Path(below...), Token: token}
		if body != nil {
			c.Body = body
		}
		return c
	}
}

// probes are the operations of the matrix.
var probes = passkeyProbes(map[string]probe{
	"GET /api/v1/organizations/{}":                 {call: simple(http.MethodGet, nil)},
	"PATCH /api/v1/organizations/{}":               {call: simple(http.MethodPatch, map[string]any{"description": "New"})},
	"DELETE /api/v1/organizations/{}":              {call: simple(http.MethodDelete, nil)},
	"GET /api/v1/organizations/{}/roles":           {call: simple(http.MethodGet, nil, "roles")},
	"GET /api/v1/organizations/{}/session-policy":  {call: simple(http.MethodGet, nil, "session-policy")},
	"PUT /api/v1/organizations/{}/session-policy":  {call: simple(http.MethodPut, map[string]any{"idle_timeout": 800, "absolute_timeout": 20000}, "session-policy")},
	"GET /api/v1/organizations/{}/security-policy": {call: simple(http.MethodGet, nil, "security-policy")},
	"PUT /api/v1/organizations/{}/security-policy": {call: simple(http.MethodPut, map[string]any{"mfa_policy_mode": "optional"}, "security-policy")},
	"GET /api/v1/organizations/{}/mfa-compliance":  {call: simple(http.MethodGet, nil, "mfa-compliance")},
	"PATCH /api/v1/organizations/{}/users/{}/security-policy": {below: "user", call: func(token string, at target) harness.Call {
		return override(token, at.org, at.user, "inherit")
	}},
	"POST /api/v1/organizations/{}/members/{}/send-mfa-reminder": {below: "user", before: reminderIsDue, call: func(token string, at target) harness.Call {
		return remind(token, at.org, at.user)
	}},
	"GET /api/v1/organizations/{}/members": {call: simple(http.MethodGet, nil, "members")},
	"GET /api/v1/organizations/{}/invites": {call: simple(http.MethodGet, nil, "invites")},
	"POST /api/v1/organizations/{}/members": {call: func(token string, at target) harness.Call {
		return harness.AddMember(token, at.org, at.email, "guest")
	}},
	"DELETE /api/v1/organizations/{}/members/{}": {need: "members:manage", below: "user", removesMember: true, call: func(token string, at target) harness.Call {
		return harness.RemoveMember(token, at.org, at.user)
	}},
	"PATCH /api/v1/organizations/{}/members/{}/role": {below: "user", call: func(token string, at target) harness.Call {
		return harness.ChangeRole(token, at.org, at.user, "guest")
	}},
	"POST /api/v1/organizations/{}/transfer-ownership": {below: "user", call: func(token string, at target) harness.Call {
		return harness.Transfer(token, at.org, at.user)
	}},
	"POST /api/v1/organizations/{}/invites": {call: func(token string, at target) harness.Call {
		return harness.Invite(token, at.org, "invited-"+at.email, "guest")
	}},
	"DELETE /api/v1/organizations/{}/invites/{}": {below: "invite", removesInvite: true, call: func(token string, at target) harness.Call {
		return harness.Call{Method: http.MethodDelete, Path: at.org.Path("invites", at.invite), Token: token}
	}},
	"POST /api/v1/organizations/{}/invites/{}/resend": {below: "invite", removesInvite: true, call: func(token string, at target) harness.Call {
		return harness.Call{Method: http.MethodPost, Path: at.org.Path("invites", at.invite, "resend"), Token: token}
	}},
	"GET /api/v1/organizations/{}/audit-logs": {below: "user", quiet: true, call: func(token string, at target) harness.Call {
		return harness.Call{Path: at.org.Path("audit-logs") + "?actor_id=" + at.user, Token: token}
	}},
	"GET /api/v1/users/me/audit-logs":  {personal: ownTrail},
	"DELETE /api/v1/auth/sessions/{}":  {personal: sessionOfAnother},
	"DELETE /api/v1/auth/devices/{}":   {personal: deviceOfAnother},
	"POST /api/v1/auth/totp/verify":    {personal: signInOfAnother},
	"POST /api/v1/auth/step-up":        {personal: proofOfAnother},
	"GET /api/v1/invites/{}":           {personal: invitationOfAnother},
	"POST /api/v1/invites/{}/accept":   {personal: invitationOfAnother},
	"POST /api/v1/auth/verify-email":   {personal: wrongToken("/api/v1/auth/verify-email", map[string]any{})},
	"POST /api/v1/auth/reset-password": {personal: wrongToken("/api/v1/auth/reset-password", map[string]any{"password": "Journey-reset-pass-1", "password_confirm": "Journey-reset-pass-1"})},
})

// wrongToken is an operation that a token from a mail opens: one that nobody was sent is
// answered the same, whoever brings it.
func wrongToken(path string, body map[string]any) func(*testing.T, *matrix) {
	return func(t *testing.T, m *matrix) {
		t.Helper()
		answers := map[string]bool{}
		for _, token := range []string{strings.Repeat("A", 43), m.stranger.Token} {
			given := maps.Clone(body)
			given["token"] = token
			for _, caller := range []string{"", m.stranger.Token, m.rival.Token} {
				a := m.s.Do(t, harness.Call{Path: path, Token: caller, Body: given})
				if a.Status != http.StatusGone && a.Status != http.StatusNotFound && a.Status != http.StatusBadRequest {
					t.Errorf("a wrong token: %d %s", a.Status, a.Body)
				}
				answers[plain(a)] = true
			}
		}
		if len(answers) != 1 {
			t.Errorf("wrong tokens are answered in %d ways: %v", len(answers), answers)
		}
	}
}

// ownTrail: a user's own trail holds what they did and what was done to their account,
// whatever it is filtered by.
func ownTrail(t *testing.T, m *matrix) {
	o := m.organization(t)
	path := "/api/v1/users/me/audit-logs"
	m.s.Do(t, harness.Call{Path: path}).WantError(t, http.StatusUnauthorized, "AUTH_REQUIRED")
	for who, u := range m.outside {
		for _, filter := range []string{"actor_id=" + m.inside["owner"].ID, "resource_id=" + o.ID, "resource_type=organization&resource_id=" + o.ID} {
			found := m.s.Do(t, harness.Call{Path: path + "?" + filter, Token: u.Token}).Want(t, http.StatusOK)
			m.discreet(t, who, found, o)
			if who == "non-member" && found.Value("data", "count") != float64(0) {
				t.Errorf("a %s finds rows with %s: %s", who, filter, found.Body)
			}
		}
	}
	// A cursor of another listing opens nothing.
	a := m.s.Do(t, harness.Call{Path: o.Path("audit-logs") + "?limit=1", Token: m.inside["owner"].Token}).Want(t, http.StatusOK)
	b := m.s.Do(t, harness.Call{Path: path + "?limit=1&cursor=" + url.QueryEscape(a.Text("meta", "next_cursor")), Token: m.stranger.Token})
	m.discreet(t, "stranger", b, o)
	c := m.s.Do(t, harness.Call{Path: m.foreign.Path("audit-logs") + "?cursor=" + url.QueryEscape(a.Text("meta", "next_cursor")), Token: m.rival.Token})
	m.discreet(t, "owner of another organization", c, o)
}

// sessionOfAnother: somebody else's session is answered like one that is not.
func sessionOfAnother(t *testing.T, m *matrix) {
	u := m.s.Register(t)
	id := m.s.CurrentSession(t, u.Token)
	call := func(token, id string) harness.Call {
		return harness.Call{Method: http.MethodDelete, Path: "/api/v1/auth/sessions/" + id, Token: token}
	}
	m.s.Do(t, call("", id)).WantError(t, http.StatusUnauthorized, "AUTH_REQUIRED")
	for who, other := range m.outside {
		a, b := m.s.Do(t, call(other.Token, id)), m.s.Do(t, call(other.Token, unknownID))
		a.WantError(t, http.StatusNotFound, "NOT_FOUND")
		if plain(a) != plain(b) {
			t.Errorf("a %s can tell a session from none:\n%s\n%s", who, plain(a), plain(b))
		}
	}
	m.s.Do(t, call(u.Token, id)).Want(t, http.StatusOK)
}

// proofOfAnother: a proof is tried on one's own account alone.
func proofOfAnother(t *testing.T, m *matrix) {
	u := m.s.Register(t)
	m.s.Do(t, stepUp("", u.Password)).WantError(t, http.StatusUnauthorized, "AUTH_REQUIRED")
	body := map[string]any{"assertion": map[string]any{"id": "a"}}
	m.s.Do(t, harness.Call{Path: stepUpPath, Token: u.Token, Body: body}).WantError(t, http.StatusUnauthorized, "STEP_UP_REQUIRED")
	m.s.Do(t, stepUp(u.Token, u.Password)).Want(t, http.StatusOK)
}

// invitationOfAnother: whoever does not know the token, or is not whom it was sent to, gets
// nothing; a wrong token is answered like any other, whoever sends it.
func invitationOfAnother(t *testing.T, m *matrix) {
	o := m.organization(t)
	invited := m.s.Register(t)
	id, token := m.s.Invite(t, m.inside["owner"].Token, o, invited.Email, "guest")
	altered := "A" + token[1:]
	if altered == token {
		altered = "B" + token[1:]
	}
	for _, caller := range []string{"", m.stranger.Token, m.rival.Token, m.inside["owner"].Token, invited.Token} {
		bodies := map[string]bool{}
		for _, wrong := range []string{altered, id, unknownID, "x"} {
			a := m.s.Do(t, harness.Call{Path: "/api/v1/invites/" + wrong, Token: caller}).WantError(t, http.StatusNotFound, "NOT_FOUND")
			b := m.s.Do(t, harness.Accept(caller, wrong)).WantError(t, http.StatusNotFound, "NOT_FOUND")
			m.discreet(t, "stranger", a, o)
			m.discreet(t, "stranger", b, o)
			bodies[plain(a)] = true
		}
		if len(bodies) != 1 {
			t.Errorf("wrong tokens are answered in %d ways", len(bodies))
		}
	}
	m.s.Do(t, harness.Accept("", token)).Want(t, http.StatusUnauthorized)
	for who, u := range m.outside {
		a := m.s.Do(t, harness.Accept(u.Token, token)).WantError(t, http.StatusForbidden, "AUTHORIZATION_ERROR")
		m.discreet(t, who, a, o)
	}
	m.s.Do(t, harness.Accept(invited.Token, token)).Want(t, http.StatusOK)
}
