package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/ratelimit"
	"github.com/authy2/backend/platform/secret"
	"github.com/authy2/backend/platform/web"
)

const (
	origin = "https://id.example.com"
	token  = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// badges are principals by their tokens.
type badges struct{}

func (badges) Authenticate(_ context.Context, token string) (*authn.Principal, error) {
	switch token {
	case "ann":
		return &authn.Principal{UserID: "u1", Account: authn.Account{Email: "ann@example.com"}}, nil
	case "bound":
		return &authn.Principal{UserID: "u2", ComplianceOnly: true}, nil
	case "away":
		return nil, apperr.ErrUnavailable.WithRetryAfter(1500 * time.Millisecond).Wrap(errors.New("dial tcp 10.0.0.9: refused"))
	}
	return nil, apperr.ErrSessionInactive
}

// window is a limit of three calls.
type window struct {
	mu    sync.Mutex
	calls map[string]int
}

func (w *window) Take(_ context.Context, name, key string) (ratelimit.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[name+" "+key]++
	n := w.calls[name+" "+key]
	return ratelimit.Result{Limit: 3, Remaining: max(3-n, 0), Reset: testTime.Add(90 * time.Second), Reached: n > 3}, nil
}

// logs collects log lines.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// site is a few pages behind the real edge.
type site struct {
	handler http.Handler
	logs    *logs
}

func newSite(t testing.TB, b web.Brand, pages []web.Page) *site {
	t.Helper()
	s := &site{logs: &logs{}}
	api, err := httpx.New(httpx.Settings{PublicURL: origin, CORSOrigins: []string{"https://app.example.com"}}, httpx.Deps{
		Log: slog.New(slog.NewJSONHandler(s.logs, nil)), Clock: clock.Func(func() time.Time { return testTime }), Random: rand.Reader,
		Authenticator: badges{}, Limiter: &window{calls: map[string]int{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := web.New(b, origin, api)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Mount(nil, p.Raw(pages)); err != nil {
		t.Fatal(err)
	}
	s.handler = api.Handler()
	return s
}

// request is one to the site; a POST comes from its own page unless the headers say more.
type request struct {
	method, path, body string
	headers            []string
}

func (s *site) send(t testing.TB, in request) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), in.method, in.path, strings.NewReader(in.body))
	r.RemoteAddr = "203.0.113.7:4711"
	r.Header.Set("X-Request-ID", "request-1")
	if in.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if in.headers == nil {
			in.headers = []string{"Origin", origin}
		}
	}
	for i := 0; i+1 < len(in.headers); i += 2 {
		r.Header.Set(in.headers[i], in.headers[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	res := w.Result()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

// full is a view with every part.
func full() web.View {
	return web.View{
		Title: "Choose a password", Lines: []string{"It is for your account."}, Facts: []web.Fact{{Name: "Organization", Value: "Acme"}, {Name: "Role", Value: "admin"}},
		Form: &web.Form{Token: secret.New(token), Button: "Set it", Fields: []web.Field{
			{Name: "email", Type: "email", Autocomplete: "username", Value: "ann@example.com", Silent: true},
			{Name: "full_name", Label: "Full name", Type: "text", Autocomplete: "name", Value: "Ann"},
			{Name: "password", Label: "Password", Hint: "At least 8 characters.", Type: "password", Autocomplete: "new-password", Required: true, MinLength: 8, Value: "never shown"},
		}},
		Notes: []string{"It signs the account out everywhere."},
	}
}

func hostile() web.View {
	const evil = `"><script>alert(1)</script>{{.}}&amp;'` + "\u202e\u2066\x00\r\nreversed"
	v := full()
	v.Title, v.Lines, v.Notes = evil, []string{evil}, []string{evil}
	v.Facts = []web.Fact{{Name: "Organization", Value: evil}}
	v.Form.Fields[1].Value, v.Form.Token = evil, secret.New(`"><script>alert(1)</script>`)
	v.Wrong = map[string][]string{"full_name": {evil}, "token": {evil}}
	return v
}

// samples are pages of every kind.
func samples() []web.Page {
	show := func(v web.View) web.Handler {
		return func(context.Context, *web.Visit) (web.View, error) { return v, nil }
	}
	fail := func(err error) web.Handler {
		return func(context.Context, *web.Visit) (web.View, error) { return web.View{}, err }
	}
	wrong := full()
	wrong.Status = http.StatusBadRequest
	wrong.Wrong = map[string][]string{"password": {"Too short.", "Too common."}, "token": {"Not a token."}, "email": {"Not an address."}}
	visitor := func(_ context.Context, v *web.Visit) (web.View, error) {
		who := "nobody"
		if v.Visitor != nil {
			who = v.Visitor.Account.Email
		}
		v.SignIn(&authn.IssuedSession{Token: secret.New("fresh"), AbsoluteExpiresAt: testTime.Add(time.Hour)})
		return web.View{Title: "You are " + who, Lines: []string{"token=" + v.Token().Reveal(), "name=" + v.Value("name")}}, nil
	}
	return []web.Page{
		{Path: "/full", Get: show(full()), Post: show(wrong)},
		{Path: "/hostile", Get: show(hostile())},
		{Path: "/done", Get: show(web.View{Title: "It is done", Tone: web.Done, Lines: []string{"Close this page."}})},
		{Path: "/stop", Get: show(web.View{Status: http.StatusGone, Title: "It is over", Tone: web.Stop, Lines: []string{"Ask for a new one."}})},
		{Path: "/visitor", Get: visitor, Post: visitor, Knows: true},
		{Path: "/limited", Get: show(full()), Post: show(full()), PostLimits: []string{"posts"}},
		{Path: "/looks", Get: show(full()), GetLimits: []string{"looks"}},
		{Path: "/broken", Get: fail(errors.New("pq: password authentication failed for user authy2")), Post: fail(apperr.ErrGone)},
		{Path: "/away", Get: fail(apperr.ErrUnavailable.WithRetryAfter(time.Second).Wrap(errors.New("dial tcp 10.0.0.9: refused")))},
		{Path: "/taken", Get: fail(apperr.ErrConflict.WithMessage("It is taken."))},
		{Path: "/upstream", Get: fail(apperr.ErrUpstream)},
		{Path: "/panic", Get: func(context.Context, *web.Visit) (web.View, error) { panic("secret detail") }},
	}
}
