package identity_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/ratelimit"
	"github.com/authy2/backend/platform/web"
)

const (
	publicURL  = "https://id.example.com"
	verifyPath = "/verify-email"
	resetPath  = "/reset-password"
)

// newPages are the module's pages behind the real edge.
func newPages(t *testing.T, h *house) http.Handler {
	t.Helper()
	limiter, err := ratelimit.NewLimiter(identity.Limits(), map[string]string{"email_verify": "20-H"}, ratelimit.Settings{Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	api, err := httpx.New(httpx.Settings{PublicURL: publicURL}, httpx.Deps{
		Log: h.Log, Clock: h.Clock, Random: rand.Reader, Authenticator: h.issuer, Limiter: limiter,
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.New(web.Brand{Name: "Acme ID"}, publicURL, api)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Mount(nil, pages.Raw(h.Pages())); err != nil {
		t.Fatal(err)
	}
	return api.Handler()
}

// open sends a browser's request: a GET without fields, and a POST from the page otherwise.
func open(t *testing.T, to http.Handler, path, token string, fields ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"?token="+token, nil)
	if len(fields) > 0 {
		form := url.Values{"token": {token}}
		for i := 0; i+1 < len(fields); i += 2 {
			form.Set(fields[i], fields[i+1])
		}
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "null") // as browsers do under no-referrer
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	r.RemoteAddr = "203.0.113.7:4711"
	w := httptest.NewRecorder()
	to.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// step is one request for a page and what it must show.
type step struct {
	name   string
	token  string
	fields []string
	status int
	shows  string
}

func (s step) do(t *testing.T, to http.Handler, path string) string {
	t.Helper()
	status, body := open(t, to, path, s.token, s.fields...)
	if status != s.status || !strings.Contains(body, s.shows) {
		t.Errorf("%s: %d, want %d and %q\n%s", s.name, status, s.status, s.shows, body)
	}
	return body
}

func TestVerifyPage(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		pages := newPages(t, h)
		done, p := h.register(t, ann, goodPass)
		token := tokenIn(t, h.mails(t), identity.PurposeVerify, ann)
		confirm := []string{"", ""}
		const over, short = "This link does not work any more", "This link is not complete"
		for _, s := range []step{
			{"no token", "", nil, 400, short},
			{"no token, sent", "", confirm, 400, short},
			{"cut short", token[:20], nil, 400, short},
			{"cut short, sent", token[:20], confirm, 400, short},
			{"markup", url.QueryEscape(`"><script>alert(1)</script>`), nil, 400, short},
			{"unknown", strings.Repeat("x", 43), nil, 410, over},
			{"unknown, sent", strings.Repeat("x", 43), confirm, 410, over},
		} {
			s.do(t, pages, verifyPath)
		}
		for range 3 { // looking uses nothing up
			step{"ask", token, nil, 200, "Confirm this address</button>"}.do(t, pages, verifyPath)
		}
		body := step{"ask", token, nil, 200, "<bdi>" + ann + "</bdi>"}.do(t, pages, verifyPath)
		if value[bool](t, h, "email_verified", done.Account.UserID) {
			t.Fatal("looking confirmed the address")
		}
		if b.Name == "sqlite" {
			platformtest.Golden(t, "testdata/page_verify.html", []byte(stable(body, token)))
		}
		step{"confirm", token, confirm, 200, "Your address is confirmed"}.do(t, pages, verifyPath)
		if !value[bool](t, h, "email_verified", done.Account.UserID) {
			t.Error("the address is not confirmed")
		}
		step{"again", token, confirm, 410, over}.do(t, pages, verifyPath)
		step{"look again", token, nil, 410, "If you confirmed your address with it before, you are done."}.do(t, pages, verifyPath)

		// A change of address.
		change := func(to string) string {
			t.Helper()
			if err := h.RequestEmailChange(t.Context(), p, identity.EmailChange{Email: to, Current: reset("", goodPass).Password, Client: client()}); err != nil {
				t.Fatal(err)
			}
			return tokenIn(t, h.mails(t), identity.PurposeChange, to)
		}
		token = change("taken@example.com")
		step{"ask for a change", token, nil, 200, "Confirm your new email address"}.do(t, pages, verifyPath)
		// Whoever gives a stranger's account their address by mistake loses it to them.
		step{"whose account", token, nil, 200, "<dt>Account</dt><dd><bdi>" + ann + "</bdi>"}.do(t, pages, verifyPath)
		h.register(t, "taken@example.com", goodPass)
		step{"taken", token, confirm, 409, "This address is taken"}.do(t, pages, verifyPath)
		token = change("new@example.com")
		step{"change", token, confirm, 200, "<bdi>new@example.com</bdi>"}.do(t, pages, verifyPath)
		token = change("newer@example.com")
		h.Clock.Advance(25 * time.Hour)
		step{"expired", token, nil, 410, over}.do(t, pages, verifyPath)
		step{"expired, sent", token, confirm, 410, over}.do(t, pages, verifyPath)
		for range 20 {
			open(t, pages, verifyPath, token, confirm...)
		}
		step{"too often", token, confirm, 429, "Too many tries"}.do(t, pages, verifyPath)
	})
}

var assetName = regexp.MustCompile(`/assets/[0-9a-f]{24}`)

// stable takes out of a page what differs from run to run.
func stable(body, token string) string {
	return assetName.ReplaceAllString(strings.ReplaceAll(body, token, "<token>"), "/assets/<hash>")
}

func TestResetPage(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		pages := newPages(t, h)
		h.register(t, ann, goodPass)
		h.mails(t)
		first := h.forgot(t, ann)
		token := h.forgot(t, ann)
		passwords := func(password, confirm string) []string {
			return []string{"password", password, "password_confirm", confirm}
		}
		good := passwords(anotherPass, anotherPass)
		const over, short, ask = "This link does not work any more", "This link is not complete", "Choose a new password</h1>"
		for _, s := range []step{
			{"no token", "", nil, 400, short},
			{"no token, sent", "", good, 400, short},
			{"replaced", first, nil, 410, over},
			{"replaced, sent", first, good, 410, over},
			{"ask", token, nil, 200, ask},
			{"ask again", token, nil, 200, `autocomplete="new-password" minlength="8" required aria-describedby="field-password-hint"`},
			{"nothing", token, passwords("", ""), 400, "Length must be between 8 and 128."},
			{"too short", token, passwords("short", "short"), 400, `<a href="#field-password">New password: Length must be between 8 and 128.</a>`},
			{"breached", token, passwords("password1", "password1"), 400, "known from breaches"},
			{"the address", token, passwords(ann, ann), 400, "must not be the email address"},
			{"no match", token, passwords(anotherPass, anotherPass+"x"), 400, `id="field-password_confirm-wrong">The passwords do not match.</p>`},
		} {
			body := s.do(t, pages, resetPath)
			if strings.Contains(body, anotherPass) || strings.Contains(body, "password1") {
				t.Errorf("%s: the page shows a password", s.name)
			}
			if b.Name == "sqlite" && (s.name == "ask" || s.name == "no match") {
				platformtest.Golden(t, "testdata/page_reset_"+strings.ReplaceAll(s.name, " ", "_")+".html", []byte(stable(body, token)))
			}
		}
		if _, err := h.check(t, ann, goodPass); err != nil {
			t.Fatalf("a refused password changed something: %v", err)
		}
		step{"reset", token, good, 200, "Every session of the account was ended"}.do(t, pages, resetPath)
		if _, err := h.check(t, ann, anotherPass); err != nil {
			t.Errorf("the new password: %v", err)
		}
		step{"again", token, good, 410, over}.do(t, pages, resetPath)
		token = h.forgot(t, ann)
		h.Clock.Advance(31 * time.Minute)
		step{"expired", token, nil, 410, "for half an hour"}.do(t, pages, resetPath)
		step{"expired, with a bad password", token, passwords("x", "x"), 410, over}.do(t, pages, resetPath)
	})
}
