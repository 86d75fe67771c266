package factor_test

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

const (
	verifyPath = "/api/v1/auth/totp/verify"
	fresh      = "violet harbour 7 tandem"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// reset recovers an account by mail and gives it the password fresh.
func (h *house) reset(t testing.TB, email string) {
	t.Helper()
	h.mails(t)
	if err := h.users.RequestReset(t.Context(), email, authn.Client{}); err != nil {
		t.Fatal(err)
	}
	token := ""
	for _, m := range h.mails(t) {
		if found := regexp.MustCompile(`reset-password\?token=([\w-]{43})`).FindStringSubmatch(m.Text); found != nil {
			token = found[1]
		}
	}
	err := h.users.ResetPassword(t.Context(), identity.Reset{Token: token, Password: secret.New(fresh), Confirm: secret.New(fresh)})
	if err != nil {
		t.Fatal(err)
	}
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		anns, bobs := h.register(t, ann), h.register(t, bob)
		e, other := h.enroll(t, anns), h.enroll(t, bobs)
		h.want(t, 401, "POST", verifyPath, "", `{"code":"123456"}`) // no sign-in waits
		h.want(t, 401, "POST", verifyPath, "", `{"code":"123456","mfa_token":"`+strings.Repeat("A", 43)+`"}`)
		h.want(t, 400, "POST", verifyPath, "", `{}`)

		waiting := h.challenge(t, ann)
		if r := h.verify(t, waiting, h.code(other, 0)); r.status != 401 {
			t.Errorf("the code of another user: %d", r.status)
		}
		if r := h.verify(t, waiting, other.codes[0], backup); r.status != 401 {
			t.Errorf("the recovery code of another user: %d", r.status)
		}
		r := h.verify(t, waiting, h.code(e, 0))
		if r.status != 200 {
			t.Fatalf("the right code: %d %s", r.status, r.body)
		}
		h.want(t, 200, "GET", statusPath, r.text(t, "token"), "")
		p, err := h.hall.Authenticate(t.Context(), r.text(t, "token"))
		if err != nil || strings.Join(p.AuthMethods, ",") != "pwd,otp" {
			t.Errorf("methods %v, %v", p.AuthMethods, err)
		}
		if r := h.verify(t, waiting, h.code(e, 1)); r.status != 401 {
			t.Errorf("a used challenge: %d", r.status)
		}

		b.Clock.Advance(time.Minute)
		waiting = h.challenge(t, ann)
		b.Clock.Advance(5 * time.Minute)
		if r := h.verify(t, waiting, h.code(e, 0)); r.status != 401 {
			t.Errorf("a challenge of five minutes ago: %d", r.status)
		}
		if n, err := h.factors.Cleanup(t.Context()); err != nil || n != 1 {
			t.Errorf("%d rows removed, %v", n, err)
		}

		waiting = h.challenge(t, ann)
		for range 10 {
			if r := h.verify(t, waiting, "000000"); r.status != 401 {
				t.Errorf("a wrong code: %d", r.status)
			}
		}
		if r := h.verify(t, waiting, h.code(e, 0)); r.status != 401 {
			t.Errorf("the eleventh guess: %d", r.status)
		}
		if r := h.verify(t, h.challenge(t, ann), h.code(e, 0)); r.status != 200 {
			t.Errorf("after the password again: %d", r.status)
		}

		b.Clock.Advance(time.Minute)
		waiting = h.challenge(t, ann)
		p, err = h.hall.Authenticate(t.Context(), anns)
		if err != nil {
			t.Fatal(err)
		}
		err = h.users.ChangePassword(t.Context(), p, identity.PasswordChange{Current: secret.New(password), New: secret.New(fresh), Confirm: secret.New(fresh)})
		if err != nil {
			t.Fatal(err)
		}
		if r := h.verify(t, waiting, h.code(e, 0)); r.status != 401 {
			t.Errorf("a challenge under the old password: %d", r.status)
		}
		if h.count(t, "identity_challenges") != 0 {
			t.Error("the challenge is still there")
		}
	})
}

// The cookie of a log-in stands for mfa_token on requests of our own pages.
func TestChallengeCookie(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	e := h.enroll(t, h.register(t, ann))
	login := h.want(t, 200, "POST", "/api/v1/auth/login", "", `{"email":"`+ann+`","password":"`+password+`"}`)
	c := login.cookies["__Host-authy2_mfa"]
	if c == nil || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != 300 || c.Domain != "" || c.Value != login.text(t, "mfa_token") {
		t.Fatalf("cookie %+v", c)
	}
	body, cookie := `{"code":"`+h.code(e, 0)+`"}`, c.Name+"="+c.Value
	for name, headers := range map[string][]string{
		"nothing said":   {"Cookie", cookie},
		"foreign origin": {"Cookie", cookie, "Origin", "https://evil.example.com"},
		"cross-site":     {"Cookie", cookie, "Sec-Fetch-Site", "cross-site"},
	} {
		if r := h.do(t, "POST", verifyPath, "", body, headers...); r.status != 403 || !strings.Contains(r.body, "CSRF_ERROR") {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	r := h.want(t, 200, "POST", verifyPath, "", body, "Cookie", cookie, "Origin", origin)
	if gone := r.cookies["__Host-authy2_mfa"]; gone == nil || gone.MaxAge >= 0 {
		t.Errorf("the cookie stays: %+v", gone)
	}
	if r.cookies["__Host-authy2_session"] == nil {
		t.Error("no session cookie")
	}
}

// Of many callers with one code, or one recovery code, one gets in, whatever challenges they
// bring.
func TestManyCallersOneCode(t *testing.T) {
	t.Parallel()
	const callers, rounds = 64, 3
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		e := h.enroll(t, h.register(t, ann))
		race := func(what, code string, more ...string) {
			t.Helper()
			challenges := make([]string, callers)
			for i := range challenges {
				challenges[i] = h.challenge(t, ann)
			}
			var won, odd atomic.Int64
			var wg sync.WaitGroup
			for _, c := range challenges {
				wg.Go(func() {
					for again := 0; ; again++ {
						switch r := h.verify(t, c, code, more...); {
						case r.status == 200:
							won.Add(1)
						case r.status == 503 && again < 5:
							continue
						case r.status != 401:
							odd.Add(1)
						}
						return
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 || odd.Load() != 0 {
				t.Errorf("%s: %d got in, %d other answers", what, won.Load(), odd.Load())
			}
		}
		for i := range rounds {
			b.Clock.Advance(time.Minute)
			race("code", h.code(e, 0))
			race("recovery code", e.codes[i], backup)
		}
		// And of many callers with one challenge.
		b.Clock.Advance(time.Minute)
		waiting := h.challenge(t, ann)
		var won atomic.Int64
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				code, more := h.code(e, 0), ""
				if i%2 == 0 {
					code, more = e.codes[rounds], backup
				}
				if h.verify(t, waiting, code, more).status == 200 {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d sign-ins of one challenge", won.Load())
		}
	})
}

// Whoever knows the password and guesses codes is slowed down like somebody who guesses
// passwords, however often they start over.
func TestGuessesCountAgainstTheAccount(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.guarded = true })
	e := h.enroll(t, h.register(t, ann))
	slowed := false
	for range 20 {
		r := h.do(t, "POST", "/api/v1/auth/login", "", `{"email":"`+ann+`","password":"`+password+`"}`)
		if r.status == 429 {
			slowed = true
			break
		}
		if r := h.verify(t, r.text(t, "mfa_token"), "000000"); r.status == 429 {
			slowed = true
			break
		}
	}
	if !slowed {
		t.Error("twenty guesses in an instant")
	}
	h.Clock.Advance(time.Hour)
	if r := h.verify(t, h.challenge(t, ann), h.code(e, 0)); r.status != 200 {
		t.Errorf("the owner: %d %s", r.status, r.body)
	}
	if h.facts(factor.ActionVerifyFailed, false) == 0 {
		t.Error("no guess is in the trail")
	}
}
