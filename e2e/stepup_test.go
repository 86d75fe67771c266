package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

const stepUpPath = "/api/v1/auth/step-up"

func stepUp(token, password string) harness.Call {
	return harness.Call{Path: stepUpPath, Token: token, Body: map[string]any{"password": password}}
}

// An old session is kept out of what asks for a recent proof, on every way in, until its
// user proved again who they are; then it is let in by every replica.
func TestStepUp(t *testing.T) {
	t.Parallel()
	options := harness.Options{Env: map[string]string{"STEP_UP_MAX_AGE": "4"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		last := sys.Servers[len(sys.Servers)-1]
		u, heir := s.Register(t), s.Register(t)
		o := s.Found(t, u.Token)
		s.AddMember(t, u.Token, o, heir, "member")
		csv := map[string]string{"Accept": "text/csv"}
		export := harness.Call{Path: "/api/v1/users/me/export", Token: u.Token}
		transfer := harness.Transfer(u.Token, o, heir.ID)
		transfer.Header = map[string]string{"Idempotency-Key": harness.Unique("step-up-")}
		old := func() {
			t.Helper()
			harness.Eventually(t, 15*time.Second, "the session is old", func() bool {
				a, err := last.Try(t.Context(), export)
				return err == nil && a.Status == http.StatusUnauthorized
			})
		}
		guarded := map[string]harness.Call{
			"export":       export,
			"export, HEAD": {Method: http.MethodHead, Path: export.Path, Token: u.Token},
			"own trail":    {Path: myTrail, Token: u.Token, Header: csv},
			"trail":        {Path: o.Path("audit-logs"), Token: u.Token, Header: csv},
			"transfer":     transfer,
		}
		old()
		for what, call := range guarded {
			a := s.Do(t, call).Want(t, http.StatusUnauthorized)
			if got := a.Header.Get("WWW-Authenticate"); got != `Bearer error="insufficient_user_authentication", max_age=4` {
				t.Errorf("%s: WWW-Authenticate is %q", what, got)
			}
		}
		s.Do(t, harness.Call{Path: myTrail, Token: u.Token}).Want(t, http.StatusOK) // a page is no export
		s.Do(t, stepUp(u.Token, "Wrong-password-1")).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		s.Do(t, stepUp(u.Token, u.Password)).Want(t, http.StatusOK)
		last.Do(t, transfer).Want(t, http.StatusOK)
		old()
		last.Do(t, transfer).WantError(t, http.StatusUnauthorized, "STEP_UP_REQUIRED") // a kept answer too
		// The right password in the request is proof enough of somebody without a second factor.
		s.Do(t, harness.Call{Path: "/api/v1/users/me/email", Token: u.Token, Body: map[string]any{"email": sys.NewUser().Email, "current_password": "Wrong-password-1"}}).
			WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		s.Do(t, deleteMe(u)).Want(t, http.StatusOK)
	})
}
