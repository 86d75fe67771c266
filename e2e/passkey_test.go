package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// passkeyErrand is an errand of a user who has two passkeys and signed in with one.
func passkeyErrand(call func(token, id string) harness.Call, actions ...string) func(*testing.T, *harness.System) errand {
	return func(t *testing.T, sys *harness.System) errand {
		t.Helper()
		s := sys.First()
		u := s.Register(t)
		p, other := s.AddPasskey(t, u.Token), s.AddPasskey(t, u.Token)
		token := s.Do(t, s.PasskeyLogin(t, p)).Want(t, http.StatusOK).Text("data", "token")
		return errand{call: call(token, other.ID), actions: actions, token: token, listing: myTrail}
	}
}

func passkeyCall(method, token, id string, body any) harness.Call {
	c := harness.Call{Method: method, Path: harness.WebAuthnPath + "/credentials/" + id, Token: token}
	if body != nil {
		c.Body = body
	}
	return c
}

// passkeyErrands are the errands of passkeys.
func passkeyErrands(all map[string]func(*testing.T, *harness.System) errand) map[string]func(*testing.T, *harness.System) errand {
	all["POST /api/v1/auth/webauthn/register/begin"] = func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		return errand{call: harness.Call{Method: http.MethodPost, Path: harness.WebAuthnPath + "/register/begin", Token: u.Token}, actions: []string{"webauthn.register.initiated"}, token: u.Token, listing: myTrail}
	}
	all["POST /api/v1/auth/webauthn/register/complete"] = func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		_, call := sys.First().NewPasskey(t, u.Token)
		return errand{call: call, actions: []string{"webauthn.register.completed"}, token: u.Token, listing: myTrail}
	}
	all["POST /api/v1/auth/webauthn/login/begin"] = func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		return errand{call: harness.Call{Path: harness.WebAuthnPath + "/login/begin", Body: map[string]any{"email": u.Email}}, actions: []string{"webauthn.login.initiated"}, token: u.Token, listing: myTrail}
	}
	all["POST /api/v1/auth/webauthn/login/complete"] = func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		p := sys.First().AddPasskey(t, u.Token)
		return errand{call: sys.First().PasskeyLogin(t, p), actions: []string{"user.login", "webauthn.login.success"}, token: u.Token, listing: myTrail}
	}
	all["PATCH /api/v1/auth/webauthn/credentials/{}"] = passkeyErrand(func(token, id string) harness.Call {
		return passkeyCall(http.MethodPatch, token, id, map[string]any{"name": "Laptop"})
	}, "webauthn.credential.renamed")
	all["DELETE /api/v1/auth/webauthn/credentials/{}"] = passkeyErrand(func(token, id string) harness.Call {
		return passkeyCall(http.MethodDelete, token, id, nil)
	}, "webauthn.credential.deleted", "session.revoke") // the session that registered them
	return all
}

// passkeyProbes are the rows of passkeys in the matrix.
func passkeyProbes(all map[string]probe) map[string]probe {
	for _, route := range []string{
		"POST /api/v1/auth/webauthn/register/complete", "POST /api/v1/auth/webauthn/login/begin", "POST /api/v1/auth/webauthn/login/complete",
		"PATCH /api/v1/auth/webauthn/credentials/{}", "DELETE /api/v1/auth/webauthn/credentials/{}",
	} {
		all[route] = probe{personal: passkeyOfAnother}
	}
	return all
}

// passkeyOfAnother: what somebody else began, or has, is worth nothing to anybody, and a
// sign-in that nobody began is continued by nobody.
func passkeyOfAnother(t *testing.T, m *matrix) {
	u, v := m.s.Register(t), m.s.Register(t)
	_, call := m.s.NewPasskey(t, u.Token)
	call.Token = v.Token
	m.s.Do(t, call).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
	mine := m.s.AddPasskey(t, u.Token)
	theirs := m.s.AddPasskey(t, v.Token)
	w := m.s.Do(t, m.s.PasskeyLogin(t, theirs)).Want(t, http.StatusOK).Text("data", "token")
	for _, id := range []string{mine.ID, "AAAA", "%00", strings.Repeat("x", 200)} {
		m.s.Do(t, passkeyCall(http.MethodPatch, w, id, map[string]any{"name": "Mine"})).WantError(t, http.StatusNotFound, "NOT_FOUND")
		m.s.Do(t, passkeyCall(http.MethodDelete, w, id, nil)).WantError(t, http.StatusNotFound, "NOT_FOUND")
	}
	for _, token := range []string{strings.Repeat("A", 43), u.Token} {
		m.s.Do(t, harness.Call{Path: harness.WebAuthnPath + "/login/begin", Body: map[string]any{"mfa_token": token}}).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
	}
	again := m.s.PasskeyLogin(t, mine)
	m.s.Do(t, again).Want(t, http.StatusOK)
	m.s.Do(t, again).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
}
