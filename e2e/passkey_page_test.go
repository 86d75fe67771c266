package e2e_test

import (
	"net/http"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// Passkeys are good on the pages that the operator names, for the domain that they name,
// and nowhere else, whichever process began the ceremony.
func TestPasskeysOnPages(t *testing.T) {
	t.Parallel()
	pages := harness.Options{Env: map[string]string{
		"WEBAUTHN_RP_ID": "example.com", "WEBAUTHN_RP_NAME": "Pages", "WEBAUTHN_ORIGINS": "https://app.example.com,https://id.example.com:8443",
	}}
	harness.Each(t, pages, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		u := first.Register(t)
		options := first.Do(t, harness.Call{Method: http.MethodPost, Path: harness.WebAuthnPath + "/register/begin", Token: u.Token}).Want(t, http.StatusOK)
		if options.Text("rp", "id") != "example.com" || options.Text("rp", "name") != "Pages" || options.Text("user", "name") != u.Email {
			t.Errorf("options %s", options.Body)
		}
		p, made := first.NewPasskey(t, u.Token)
		last.Do(t, made).Want(t, http.StatusCreated)
		login := func(origin, rpID string) *harness.Answer {
			t.Helper()
			return last.Do(t, first.PasskeyLogin(t, p.On(origin, rpID)))
		}
		login("https://app.example.com", "example.com").Want(t, http.StatusOK)
		login("https://id.example.com:8443", "example.com").Want(t, http.StatusOK)
		for _, page := range [][2]string{
			{"https://id.example.com", "example.com"},
			{"http://app.example.com", "example.com"},
			{"https://example.com", "example.com"},
			{"https://app.example.com.evil.example", "example.com"},
			{"https://evil.app.example.com", "example.com"},
			{first.URL, "example.com"},
			{"null", "example.com"},
			{"", "example.com"},
			{"https://app.example.com", "app.example.com"},
			{"https://app.example.com", "127.0.0.1"},
			{"https://app.example.com", ""},
		} {
			if a := login(page[0], page[1]); a.Status != http.StatusUnauthorized || a.Text("error", "type") != "AUTHENTICATION_ERROR" || cookieOf(a) != nil {
				t.Errorf("on %q for %q: %d %s", page[0], page[1], a.Status, a.Body)
			}
		}
		login("https://app.example.com", "example.com").Want(t, http.StatusOK)
	})
}
