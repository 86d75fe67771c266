package e2e_test

import (
	"net/http"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// A passkey or a code opens no account that a password does not: what is suspended, deleted
// or unproven stays shut, for sign-ins that wait as well.
func TestFactorsOpenNoClosedAccount(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		u := first.Register(t)
		p := first.AddPasskey(t, u.Token)
		a := enrollApp(t, first, first.Do(t, first.PasskeyLogin(t, p)).Want(t, http.StatusOK).Text("data", "token"))
		waiting, begun := asked(t, last, u), first.PasskeyLogin(t, p)
		operator := func(verb string) {
			t.Helper()
			if out, code := sys.CLI(t, nil, "users", verb, u.Email); code != 0 {
				t.Fatalf("users %s: %d\n%s", verb, code, out)
			}
		}
		shut := func(what string, c harness.Call) {
			t.Helper()
			a := first.Do(t, c)
			if a.Status != http.StatusUnauthorized && a.Status != http.StatusForbidden || a.Value("data") != nil || cookieOf(a) != nil {
				t.Errorf("%s: %d %s", what, a.Status, a.Body)
			}
		}
		operator("suspend")
		shut("a sign-in that waits", guess(waiting, a.codes[0]))
		shut("a ceremony from before", begun)
		shut("a passkey", first.PasskeyLogin(t, p))
		operator("activate")
		shut("a sign-in that waited", guess(waiting, a.codes[0]))
		first.Do(t, guess(asked(t, last, u), a.codes[0])).Want(t, http.StatusOK)
		token := first.Do(t, first.PasskeyLogin(t, p)).Want(t, http.StatusOK).Text("data", "token")

		waiting, begun = asked(t, last, u), first.PasskeyLogin(t, p)
		c := deleteMe(u)
		c.Token = token
		last.Do(t, c).Want(t, http.StatusOK)
		shut("a sign-in of a deleted account", guess(waiting, a.codes[1]))
		shut("a ceremony of a deleted account", begun)
		shut("a passkey of a deleted account", first.PasskeyLogin(t, p))
		for _, table := range []string{"identity_totp", "identity_recovery_codes", "identity_passkeys", "identity_devices"} {
			if n := sys.One(t, `SELECT count(*) FROM `+table+` WHERE user_id = '`+u.ID+`'`); n != "0" {
				t.Errorf("%s rows of %s outlive their user", n, table)
			}
		}
	})
}

// Where addresses must be proved, a passkey of an account that has not proved its address
// does not sign in.
func TestPasskeysNeedAProvenAddress(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := s.Register(t)
		p := s.AddPasskey(t, u.Token)
		s.Do(t, s.PasskeyLogin(t, p)).Want(t, http.StatusOK)
		s.Terminate(t)
		if sys.Kind == harness.Pair {
			sys.Last().Terminate(t)
		}
		sys.Options.Env = map[string]string{"IDENTITY_REQUIRE_VERIFIED_EMAIL": "true"}
		s.Start(t)
		s.Do(t, s.PasskeyLogin(t, p)).WantError(t, http.StatusForbidden, "EMAIL_NOT_VERIFIED")
	})
}
