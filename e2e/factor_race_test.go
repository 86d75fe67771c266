package e2e_test

import (
	"net/http"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// Of 64 who bring one code, or one recovery code, to as many sign-ins at one instant, one
// gets in, whatever process they come to; and so it is with 64 who bring as many codes to
// one sign-in, and with 64 bearers of one answer of a passkey.
func TestOneCodeManyBearers(t *testing.T) {
	t.Parallel()
	const bearers = 64
	pages := harness.Options{Env: map[string]string{"WEBAUTHN_RP_ID": "example.com", "WEBAUTHN_ORIGINS": "https://app.example.com"}}
	harness.Each(t, pages, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		a := enrollAsOf(t, sys, u)
		race := func(what string, calls []harness.Call) {
			t.Helper()
			won := 0
			for _, answer := range together(t, len(calls), func(i int) (*harness.Answer, error) {
				return sys.Servers[i%len(sys.Servers)].Try(t.Context(), calls[i])
			}) {
				switch {
				case answer.Status == http.StatusOK:
					won++
				case answer.Status != http.StatusUnauthorized || answer.Text("error", "type") != "AUTHENTICATION_ERROR":
					t.Errorf("%s: %d %s", what, answer.Status, answer.Body)
				}
			}
			if won != 1 {
				t.Errorf("%s: %d of %d get in, want 1", what, won, len(calls))
			}
		}
		signIns := func(code string, more map[string]any) []harness.Call {
			calls := make([]harness.Call, bearers)
			for i := range calls {
				calls[i] = secondStep(t, sys.Servers[i%len(sys.Servers)], u, code, more)
			}
			return calls
		}
		recovery := map[string]any{"is_backup_code": true}
		for round := range 2 {
			race("a recovery code", signIns(a.codes[round], recovery))
			// The sign-ins are begun before the code is read: it is one of now.
			calls := signIns("", nil)
			sys.Exec(t, `UPDATE identity_totp SET last_step = 0 WHERE user_id = '`+u.ID+`'`)
			code := a.oathtool(t, 0)
			for _, c := range calls {
				c.Body.(map[string]any)["code"] = code
			}
			race("a code", calls)
		}
		wantStatus(t, sys, u.Token, true, 8)
		// One sign-in is over once somebody has completed it. No more than ten are judged.
		one := signIns("", nil)[0]
		calls := make([]harness.Call, 10)
		for i := range calls {
			body := map[string]any{"mfa_token": one.Body.(map[string]any)["mfa_token"], "code": a.codes[2+i%7], "is_backup_code": true}
			calls[i] = harness.Call{Path: one.Path, Body: body}
		}
		race("a sign-in", calls)
		wantStatus(t, sys, u.Token, true, 7) // what did not open it is not used up

		v := sys.Last().Register(t)
		p := sys.First().AddPasskey(t, v.Token)
		login := sys.First().PasskeyLogin(t, p)
		calls = make([]harness.Call, bearers)
		for i := range calls {
			calls[i] = login
		}
		race("an answer of a passkey", calls)
		// And one code is one proof.
		calls = make([]harness.Call, bearers)
		for i := range calls {
			calls[i] = stepUpBy(u.Token, map[string]any{"code": a.codes[9]})
		}
		race("a step-up", calls)
	})
}

// stepUpBy is the request that proves again who somebody is.
func stepUpBy(token string, proof map[string]any) harness.Call {
	return harness.Call{Path: stepUpPath, Token: token, Body: proof}
}
