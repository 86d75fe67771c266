package e2e_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// Factors that change while others sign in: who got in without the factor is out again once
// it is set up, a factor is set up once, and the last passkey is never given up.
func TestFactorsChangeWhileOthersSignIn(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		each := func(i int) *harness.Server { return sys.Servers[i%len(sys.Servers)] }
		for round := range 4 {
			u := sys.First().Register(t)
			a := prepareApp(t, sys.First(), u.Token)
			code := a.oathtool(t, 0)
			answers := together(t, 32, func(i int) (*harness.Answer, error) {
				if i%8 == 3 {
					return each(i).Try(t.Context(), verifyApp(u.Token, code))
				}
				return each(i/2).Try(t.Context(), harness.LoginCall(u.Email, u.Password))
			})
			for _, answer := range answers {
				// A log-in whose password was judged before the change is refused after it.
				if answer.Status != http.StatusOK && (answer.Status != http.StatusUnauthorized || answer.Call.Path != loginPath) {
					t.Errorf("round %d: %s %d %s", round, answer.Call.Path, answer.Status, answer.Body)
				}
				if token := answer.Text("data", "token"); token != "" {
					for _, s := range sys.Servers {
						if me := s.Do(t, harness.Me(token)); me.Status != http.StatusUnauthorized {
							t.Errorf("round %d: a session without the second factor lives: %d", round, me.Status)
						}
					}
				}
			}
			wantStatus(t, sys, u.Token, true, 10)
			sys.AwaitMail(t, "identity.totp_enabled", u.Email, 1)
			if got := sys.One(t, fmt.Sprintf(`SELECT count(*) FROM audit_entries WHERE action = 'totp.enroll.completed' AND success AND actor_id = '%s'`, u.ID)); got != "1" {
				t.Errorf("round %d: the app was set up %s times", round, got)
			}
			if n := len(sys.Mails(t, "identity.totp_enabled", u.Email)); n != 1 {
				t.Errorf("round %d: %d mails of one app", round, n)
			}
		}
		for round := range 4 {
			u := sys.First().Register(t)
			keys := []*harness.Passkey{sys.First().AddPasskey(t, u.Token), sys.First().AddPasskey(t, u.Token)}
			token := sys.First().Do(t, sys.First().PasskeyLogin(t, keys[0])).Want(t, http.StatusOK).Text("data", "token")
			given := 0
			for _, answer := range together(t, 8, func(i int) (*harness.Answer, error) {
				return each(i/2).Try(t.Context(), passkeyCall(http.MethodDelete, token, keys[i%2].ID, nil))
			}) {
				switch answer.Status {
				case http.StatusOK:
					given++
				case http.StatusBadRequest, http.StatusNotFound:
				default:
					t.Errorf("round %d: giving a passkey up: %d %s", round, answer.Status, answer.Body)
				}
			}
			left := sys.One(t, fmt.Sprintf(`SELECT count(*) FROM identity_passkeys WHERE user_id = '%s'`, u.ID))
			if given != 1 || left != "1" {
				t.Errorf("round %d: of two passkeys %d were given up, %s are left", round, given, left)
			}
		}
	})
}
