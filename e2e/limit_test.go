package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// wrongLogin is a log-in that fails, from an address behind a proxy when one is given.
func wrongLogin(i int, forwarded string) harness.Call {
	c := harness.LoginCall(fmt.Sprintf("nobody-%d@example.com", i), "wrong-password-here")
	if forwarded != "" {
		c.Header = map[string]string{"X-Forwarded-For": forwarded}
	}
	return c
}

func TestRateLimitsBehindATrustedProxy(t *testing.T) {
	t.Parallel()
	options := harness.Options{Env: map[string]string{"RATELIMIT_ENABLED": "true", "RATELIMIT_LOGIN": "3-H", "TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		count := 0
		call := func(forwarded string) *harness.Answer {
			count++
			return sys.Servers[count%len(sys.Servers)].Do(t, wrongLogin(count, forwarded))
		}
		for i := range 3 {
			a := call("203.0.113.7").Want(t, http.StatusUnauthorized)
			if a.Header.Get("X-Ratelimit-Limit") != "3" || a.Header.Get("X-Ratelimit-Remaining") != strconv.Itoa(2-i) || a.Header.Get("X-Ratelimit-Reset") == "" {
				t.Errorf("request %d: limit %q, remaining %q, reset %q", i+1, a.Header.Get("X-Ratelimit-Limit"), a.Header.Get("X-Ratelimit-Remaining"), a.Header.Get("X-Ratelimit-Reset"))
			}
		}
		a := call("203.0.113.7").WantError(t, http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED")
		if wait, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || wait < 1 || wait > 3600 {
			t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
		}
		// What the client itself writes on the left is not believed; trusted hops on the
		// right are passed over.
		call("198.51.100.1, 203.0.113.7").Want(t, http.StatusTooManyRequests)
		call("198.51.100.1, 203.0.113.7, 10.1.2.3").Want(t, http.StatusTooManyRequests)
		call("203.0.113.8").Want(t, http.StatusUnauthorized)
		call("").Want(t, http.StatusUnauthorized)
		// One customer holds a /64.
		for i := range 3 {
			call(fmt.Sprintf("2001:db8:0:1::%d", i+1)).Want(t, http.StatusUnauthorized)
		}
		call("2001:db8:0:1:ffff::9").Want(t, http.StatusTooManyRequests)
		call("2001:db8:0:2::1").Want(t, http.StatusUnauthorized)
		for _, garbage := range []string{"unknown", "203.0.113.7:1234, x", ",,,", "203.0.113.999", "[::1"} {
			if a := call(garbage); a.Status >= 500 {
				t.Errorf("X-Forwarded-For %q: status %d", garbage, a.Status)
			}
		}
	})
}

func TestRateLimitsIgnoreUntrustedForwarding(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Embedded}, Env: map[string]string{"RATELIMIT_ENABLED": "true", "RATELIMIT_LOGIN": "3-H"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		for i := range 3 {
			sys.First().Do(t, wrongLogin(i, fmt.Sprintf("203.0.113.%d", i))).Want(t, http.StatusUnauthorized)
		}
		sys.First().Do(t, wrongLogin(4, "203.0.113.200")).WantError(t, http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED")
	})
}

// Limit L, 4L callers at one instant, over both processes: exactly L pass.
func TestRateLimitIsExact(t *testing.T) {
	t.Parallel()
	const limit = 20
	options := harness.Options{Env: map[string]string{"RATELIMIT_ENABLED": "true", "RATELIMIT_LOGIN": fmt.Sprintf("%d-H", limit), "TRUSTED_PROXIES": "127.0.0.0/8"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		for round := range 3 {
			// A password that breaks a rule of form ends after the limit and before
			// the growing delay.
			from := fmt.Sprintf("198.51.100.%d", round+1)
			passed := 0
			for _, a := range together(t, 4*limit, func(i int) (*harness.Answer, error) {
				return sys.Servers[i%len(sys.Servers)].Try(t.Context(), harness.Call{Path: loginPath, Body: map[string]any{"email": "x"}, Header: map[string]string{"X-Forwarded-For": from}})
			}) {
				switch a.Status {
				case http.StatusBadRequest:
					passed++
				case http.StatusTooManyRequests:
				default:
					t.Errorf("status %d: %s", a.Status, a.Body)
				}
			}
			if passed != limit {
				t.Errorf("round %d: %d passed, want %d", round, passed, limit)
			}
		}
	})
}

// Guessing one account from many addresses is slowed down, unknown accounts alike; the
// owner on a known address gets past, and nobody is locked out for long.
func TestGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	options := harness.Options{Env: map[string]string{"RATELIMIT_ENABLED": "true", "RATELIMIT_LOGIN": "100000-M", "RATELIMIT_REGISTER": "100000-M", "TRUSTED_PROXIES": "127.0.0.0/8"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		const home = "192.0.2.10"
		owner := sys.NewUser()
		sys.First().Do(t, harness.Call{Path: registerPath, Body: owner.Registration(), Header: map[string]string{"X-Forwarded-For": home}}).Want(t, http.StatusCreated)
		login := func(email, password, from string) *harness.Answer {
			c := harness.LoginCall(email, password)
			c.Header = map[string]string{"X-Forwarded-For": from}
			return sys.Servers[len(from)%len(sys.Servers)].Do(t, c)
		}
		login(owner.Email, owner.Password, home).Want(t, http.StatusOK)

		for name, email := range map[string]string{"a known account": owner.Email, "an unknown account": "nobody-at-all@example.com"} {
			refused, checked := 0, 0
			for i := range 40 {
				a := login(email, "guess-number-"+strconv.Itoa(i), fmt.Sprintf("203.0.%d.%d", 113+len(name)%7, i+1))
				switch a.Status {
				case http.StatusTooManyRequests:
					refused++
					if wait, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || wait > 15*60 {
						t.Errorf("%s: Retry-After is %q; a delay is no lock", name, a.Header.Get("Retry-After"))
					}
				case http.StatusUnauthorized:
					checked++
				default:
					t.Errorf("%s: status %d", name, a.Status)
				}
			}
			if checked > 20 || refused == 0 {
				t.Errorf("%s: %d of 40 guesses from many addresses were checked", name, checked)
			}
		}
		login(owner.Email, owner.Password, home).Want(t, http.StatusOK)
	})
}

// Wrong passwords of a signed-in user count towards the account like log-ins.
func TestGuessingWhileSignedIn(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Single}, Env: map[string]string{"RATELIMIT_ENABLED": "true", "RATELIMIT_PASSWORD": "100000-M"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		refused := false
		for i := range 40 {
			a := sys.First().Do(t, harness.Call{Path: "/api/v1/users/me/password", Token: u.Token, Body: map[string]any{
				"current_password": "wrong-" + strconv.Itoa(i), "new_password": "Another-Pass-99", "new_password_confirm": "Another-Pass-99",
			}})
			if refused = a.Status == http.StatusTooManyRequests; refused {
				break
			}
			a.WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		}
		if !refused {
			t.Error("40 guesses at users/me/password were checked")
		}
	})
}

// A limit starts over when its window ends.
func TestRateLimitWindowEnds(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}, Env: map[string]string{"RATELIMIT_ENABLED": "true", "RATELIMIT_LOGIN": "2-S"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		bad := harness.Call{Path: loginPath, Body: map[string]any{"email": "x"}}
		harness.Eventually(t, 5*time.Second, "the limit bites", func() bool { return sys.First().Do(t, bad).Status == http.StatusTooManyRequests })
		harness.Eventually(t, 3*time.Second, "the window ends", func() bool {
			harness.Pause(300 * time.Millisecond)
			return sys.First().Do(t, bad).Status == http.StatusBadRequest
		})
	})
}
