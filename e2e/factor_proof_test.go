package e2e_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// confirmPage confirms an address on the page that the mail leads to, in a browser that may
// be signed in.
func confirmPage(token, session string) harness.Call {
	c := harness.Call{
		Method: http.MethodPost, Path: "/verify-email", ContentType: "application/x-www-form-urlencoded", Undocumented: true,
		Raw: []byte(url.Values{"token": {token}}.Encode()), Header: map[string]string{"Origin": "null", "Sec-Fetch-Site": "same-origin"},
	}
	if session != "" {
		c.Header["Cookie"] = "authy2_session=" + session
	}
	return c
}

// Whoever confirms their address where they are signed in keeps the factors that they have
// set up; wherever else it is confirmed, nobody knows whose they are, and they end.
func TestFactorsAndTheFirstProof(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		stranger := sys.First().Register(t)
		for name, c := range map[string]struct {
			confirm func(token, session string) harness.Call
			session func(u harness.User) string
			kept    bool
		}{
			"page, at home":           {confirmPage, func(u harness.User) string { return u.Token }, true},
			"page, elsewhere":         {confirmPage, func(harness.User) string { return "" }, false},
			"page, as somebody else":  {confirmPage, func(harness.User) string { return stranger.Token }, false},
			"operation, at home":      {verifyAs, func(u harness.User) string { return u.Token }, true},
			"operation, elsewhere":    {verifyAs, func(harness.User) string { return "" }, false},
			"operation, someone else": {verifyAs, func(harness.User) string { return stranger.Token }, false},
		} {
			u := sys.First().Register(t)
			enrollApp(t, sys.First(), u.Token)
			token := sys.AwaitMail(t, verifyMail, u.Email, 1).Token(t)
			sys.Last().Do(t, c.confirm(token, c.session(u))).Want(t, http.StatusOK)
			a := sys.First().Do(t, totpStatus(u.Token)).Want(t, http.StatusOK)
			if a.Value("data", "totp_enabled") != c.kept {
				t.Errorf("%s: %s", name, a.Body)
			}
		}
	})
}

// verifyAs is verify by somebody who is signed in.
func verifyAs(token, session string) harness.Call {
	c := verify(token)
	c.Token = session
	return c
}
