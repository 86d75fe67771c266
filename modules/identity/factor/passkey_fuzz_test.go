package factor_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/authy2/backend/platform/platformtest"
)

// Whatever is sent as a passkey is refused for what it is, and breaks nothing.
func FuzzPasskeyBodies(f *testing.F) {
	l := newLodge(f, platformtest.SQLite(f, lines()...))
	token := l.register(f, ann)
	_, made := l.page.Create(f, l.creation(f, token), platformtest.Lies{})
	c := l.add(f, token)
	answer := l.page.Answer(f, c, member(f, l.request(f, `{}`), "challenge").(string), platformtest.Lies{Signature: true})
	for _, seed := range []any{made, answer, map[string]any{}, []any{}} {
		f.Add(text(f, seed))
	}
	f.Add(`{"id":"AA","rawId":"AA","type":"public-key","response":{"attestationObject":"o2NmbXRkbm9uZQ","clientDataJSON":"bnVsbA","authenticatorData":"AA","signature":"AA"}}`)
	f.Add(`{"id":"\r\n","rawId":"=","type":"public-key","response":{"attestationObject":"vw","clientDataJSON":"e30","authenticatorData":"vw","signature":"","userHandle":null}}`)
	f.Fuzz(func(t *testing.T, body string) {
		for path, bearer := range map[string]string{"/register/complete": token, "/login/complete": ""} {
			r := l.do(t, "POST", webauthn+path, bearer, body)
			if r.status != http.StatusBadRequest && r.status != http.StatusUnauthorized && r.status != http.StatusUnsupportedMediaType &&
				r.status != http.StatusCreated && r.status != http.StatusConflict || !json.Valid([]byte(r.body)) {
				t.Errorf("%s %q: %d %s", path, body, r.status, r.body)
			}
		}
	})
}
