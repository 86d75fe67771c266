package identity_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

// counted is a source of ids and bytes that is known beforehand.
type counted struct {
	mu sync.Mutex
	n  int
}

func (c *counted) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

func (c *counted) Read(p []byte) (int, error) {
	clear(p)
	binary.BigEndian.PutUint64(p[len(p)-8:], uint64(c.next()))
	return len(p), nil
}

func (c *counted) New() string { return fmt.Sprintf("01900000-0000-7000-8000-%012d", c.next()) }

// site is the module behind the real edge.
type site struct {
	*house
	handler http.Handler
}

func newSite(t *testing.T, b platformtest.Backend, changes ...func(*setup)) *site {
	t.Helper()
	b.Clock.Set(time.Date(2031, time.January, 1, 0, 0, 0, 123456000, time.UTC))
	h := newHouse(t, b, append([]func(*setup){func(s *setup) {
		s.ids, s.tokens = &counted{}, crypto.NewTokens(&counted{})
	}}, changes...)...)
	api, err := httpx.New(httpx.Settings{PublicURL: "https://auth.example.com", Version: "test"}, httpx.Deps{
		Log: b.Log, Clock: b.Clock, Random: &counted{}, Authenticator: h.issuer,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Mount(h.Endpoints(), nil); err != nil {
		t.Fatal(err)
	}
	return &site{house: h, handler: api.Handler()}
}

// call sends a request and returns status, chosen headers and body as one text.
func (s *site) call(t testing.TB, method, path, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	req.RemoteAddr = "203.0.113.7:4711"
	req.Header.Set("X-Request-ID", "request-1")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	got, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(got), w.Header()
}

const firstToken = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"

// The answers of every operation, whole.
func TestAnswers(t *testing.T) {
	t.Parallel()
	register := `{"email":"Ann@Example.com","password":"` + goodPass + `","password_confirm":"` + goodPass + `","full_name":"Ann"}`
	me := "/api/v1/users/me"
	steps := []struct{ name, method, path, body, match string }{
		{"register", "POST", "/api/v1/auth/register", register, ""},
		{"register again", "POST", "/api/v1/auth/register", register, ""},
		{"register badly", "POST", "/api/v1/auth/register", `{"email":"ann@x","password":"short","password_confirm":1,"name":"x"}`, ""},
		{"register breached", "POST", "/api/v1/auth/register", `{"email":"bo@example.com","password":"password1","password_confirm":"password2"}`, ""},
		{"register wrong in every way", "POST", "/api/v1/auth/register", `{"email":"bo","password":"password1","password_confirm":"password2"}`, ""},
		{"register nothing", "POST", "/api/v1/auth/register", `{}`, ""},
		{"get", "GET", me, "", ""},
		{"head", "HEAD", me, "", ""},
		{"update", "PATCH", me, `{"full_name":null,"avatar_url":"https://example.com/a.png"}`, `"000000000001-1"`},
		{"update nothing", "PATCH", me, `{}`, ""},
		{"update too late", "PATCH", me, `{"full_name":"x"}`, `"000000000001-1"`},
		{"update badly", "PATCH", me, `{"full_name":5,"avatar_url":"javascript:alert(1)","status":"suspended"}`, ""},
		{"get updated", "GET", me, "", ""},
		{"export", "GET", me + "/export", "", ""},
		{"password wrong", "POST", me + "/password", `{"current_password":"wrong","new_password":"` + anotherPass + `","new_password_confirm":"` + anotherPass + `"}`, ""},
		{"password weak", "POST", me + "/password", `{"current_password":"x","new_password":"short","new_password_confirm":""}`, ""},
		{"password", "POST", me + "/password", `{"current_password":"` + goodPass + `","new_password":"` + anotherPass + `","new_password_confirm":"` + anotherPass + `"}`, ""},
		{"delete without password", "DELETE", me, "", ""},
		{"delete too late", "DELETE", me, `{"current_password":"` + anotherPass + `"}`, `"000000000001-1"`},
		{"delete wrong", "DELETE", me, `{"current_password":"wrong"}`, ""},
		{"delete", "DELETE", me, `{"current_password":"` + anotherPass + `"}`, ""},
		{"get deleted", "GET", me, "", ""},
	}
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		var all strings.Builder
		for _, step := range steps {
			headers := []string{"Authorization", "Bearer " + firstToken}
			if step.match != "" {
				headers = append(headers, "If-Match", step.match)
			}
			status, body, header := s.call(t, step.method, step.path, step.body, headers...)
			fmt.Fprintf(&all, "## %s\n%d\n", step.name, status)
			for _, name := range []string{"Etag", "Location", "Set-Cookie", "Www-Authenticate"} {
				if v := header.Get(name); v != "" {
					fmt.Fprintf(&all, "%s: %s\n", name, v)
				}
			}
			fmt.Fprintf(&all, "%s\n", strings.TrimSpace(body))
			for _, secret := range []string{goodPass, anotherPass, "$2a$"} {
				if strings.Contains(body, secret) {
					t.Errorf("%s: the answer shows %q", step.name, secret)
				}
			}
		}
		platformtest.Golden(t, "testdata/answers.golden", []byte(all.String()))
	})
}

func TestRegisterAnswersTheUserAloneWithoutSessions(t *testing.T) {
	t.Parallel()
	s := newSite(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.issuer.off = true })
	status, body, header := s.call(t, "POST", "/api/v1/auth/register",
		`{"email":"ann@example.com","password":"`+goodPass+`","password_confirm":"`+goodPass+`"}`)
	if status != http.StatusCreated || strings.Contains(body, "token") || strings.Contains(body, "expires_at") || header.Get("Set-Cookie") != "" || header.Get("Location") != "" {
		t.Errorf("%d %v %s", status, header, body)
	}
}

// Reading one's profile asks the database nothing: the snapshot beside the session answers.
func TestGetUserRunsNoStatement(t *testing.T) {
	t.Parallel()
	s := newSite(t, platformtest.SQLite(t, lines()...))
	_, p := s.register(t, ann, goodPass)
	before := s.Statements()
	held, err := s.issuer.Authenticate(t.Context(), firstToken)
	if err != nil {
		t.Fatal(err)
	}
	own := s.Statements() - before
	if status, body, _ := s.call(t, "GET", "/api/v1/users/me", "", "Authorization", "Bearer "+firstToken); status != http.StatusOK ||
		!strings.Contains(body, string(held.Account.Profile)) || !strings.Contains(body, p.UserID) {
		t.Errorf("%d %s", status, body)
	}
	if n := s.Statements() - before - 2*own; n != 0 {
		t.Errorf("%d statements beside the authenticator's", n)
	}
}
