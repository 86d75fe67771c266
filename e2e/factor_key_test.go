package e2e_test

import (
	"net/http"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// Keys change, factors stay: what was sealed or hashed under an older key is good for as
// long as the key is known.
func TestFactorsOutliveKeys(t *testing.T) {
	t.Parallel()
	for _, kind := range []harness.Kind{harness.Embedded, harness.Single} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			sys := harness.Start(t, kind, harness.Options{Env: map[string]string{
				"WEBAUTHN_RP_ID": "example.com", "WEBAUTHN_ORIGINS": "https://app.example.com",
			}})
			s := sys.First()
			u := s.Register(t)
			a := enrollAsOf(t, sys, u)
			p := s.AddPasskey(t, u.Token)
			in := s.Do(t, secondStep(t, s, u, a.codes[0], map[string]any{"is_backup_code": true, "remember_device": true})).Want(t, http.StatusOK)
			device := deviceCookie(t, in)
			old := sys.Environment()
			s.Terminate(t)
			for _, key := range []string{"SECRET_KEY", "ENCRYPTION_KEY"} {
				sys.Options.Env[key] = "k2:" + newKey(t) + "," + old[key]
			}
			s = sys.Add(t)
			s.Do(t, guess(asked(t, s, u), a.codes[1])).Want(t, http.StatusOK)
			s.Do(t, guess(asked(t, s, u), a.codes[0])).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
			s.Do(t, guess(asked(t, s, u), a.oathtool(t, 0))).Want(t, http.StatusOK)
			s.Do(t, s.PasskeyLogin(t, p)).Want(t, http.StatusOK)
			login := harness.LoginCall(u.Email, u.Password)
			login.Header = map[string]string{"Cookie": device}
			if known := s.Do(t, login).Want(t, http.StatusOK); known.Text("data", "token") == "" {
				t.Errorf("the device is not known any more: %s", known.Body)
			}
			renewed := s.Do(t, stepUpBy(s.Do(t, s.PasskeyLogin(t, p)).Text("data", "token"), map[string]any{"code": a.codes[2]})).Want(t, http.StatusOK)
			if renewed.Time(t, "data", "authenticated_at").IsZero() {
				t.Error("no time")
			}
		})
	}
}
