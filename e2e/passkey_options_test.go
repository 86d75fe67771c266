package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// What a browser is asked for tells nobody who has an account or a passkey: it has one form,
// and says the same of an address at every time, in any spelling, on every process.
func TestPasskeyOptionsTellNothing(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		n := 0
		ask := func(email string) (form, allowed string) {
			t.Helper()
			n++
			a := sys.Servers[n%len(sys.Servers)].Do(t, harness.Call{Path: harness.WebAuthnPath + "/login/begin", Body: map[string]any{"email": email}}).Want(t, http.StatusOK)
			list := a.List(t, "allowCredentials")
			if len(list) != 1 || a.Value("data") != nil || a.Text("userVerification") != "required" || a.Value("timeout") != 60000.0 || len(a.Text("challenge")) != 43 {
				t.Errorf("the options for %s are %s", email, a.Body)
				return "", ""
			}
			if c := cookieOf(a); c != nil || len(a.Header.Values("Set-Cookie")) > 0 {
				t.Errorf("asking sets %v", a.Header.Values("Set-Cookie"))
			}
			one, err := json.Marshal(list[0])
			if err != nil {
				t.Fatal(err)
			}
			names := append(slices.Sorted(maps.Keys(a.Envelope)), slices.Sorted(maps.Keys(list[0]))...)
			return strings.Join(names, " "), string(one)
		}
		stays := func(what, email, before string) string {
			t.Helper()
			_, now := ask(email)
			for range 3 {
				for _, spelled := range []string{email, strings.ToUpper(email), " " + email + " "} {
					if _, again := ask(strings.TrimSpace(spelled)); again != now {
						t.Errorf("%s: asking again tells %s, then %s", what, now, again)
					}
				}
			}
			if before != "" && now != before {
				t.Errorf("%s: it was %s, now it is %s", what, before, now)
			}
			return now
		}
		u, owner := sys.NewUser(), sys.First().Register(t)
		sys.First().AddPasskey(t, owner.Token)
		known, _ := ask(owner.Email)
		none, _ := ask(u.Email)
		if known != none {
			t.Errorf("with a passkey the form is %q, without an account %q", known, none)
		}
		of := stays("nobody", u.Email, "")
		a := sys.First().Do(t, harness.Call{Path: registerPath, Body: u.Registration()}).Want(t, http.StatusCreated)
		stays("an account without passkeys", u.Email, of)
		u.Token = a.Text("data", "token")
		enrollApp(t, sys.First(), u.Token)
		stays("an account with an app", u.Email, of)
		stays("an account with a passkey", owner.Email, "")
		if other := stays("somebody else", sys.NewUser().Email, ""); other == of {
			t.Error("two addresses have one passkey")
		}
	})
}

// Asking takes as long for an address that has passkeys, or an account without any, as for
// one that nobody has. It is not parallel for the reason that log-ins are not.
func TestPasskeyOptionsLookAlike(t *testing.T) { //nolint:paralleltest // see above
	sys := harness.Start(t, harness.Single, harness.Options{})
	s := sys.First()
	with, without := s.Register(t), s.Register(t)
	s.AddPasskey(t, with.Token)
	for name, u := range map[string]harness.User{"with passkeys": with, "without": without} {
		t.Run(name, func(t *testing.T) {
			lookAlike(t, func(email string) time.Duration {
				return s.Do(t, harness.Call{Path: harness.WebAuthnPath + "/login/begin", Body: map[string]any{"email": email}}).Want(t, http.StatusOK).Took
			}, u.Email)
		})
	}
}
