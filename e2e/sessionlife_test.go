package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// at waits until the moment d after begin.
func at(begin time.Time, d time.Duration) { harness.Pause(time.Until(begin.Add(d))) }

// Both limits of a session with an idle timeout of 2 and a cap of 6 seconds. Requests go
// to the processes in turn.
func TestSessionLife(t *testing.T) {
	t.Parallel()
	options := harness.Options{Env: map[string]string{"SESSION_IDLE_TIMEOUT": "2", "SESSION_ABSOLUTE_TIMEOUT": "6"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		turn := 0
		next := func() *harness.Server {
			turn++
			return sys.Servers[turn%len(sys.Servers)]
		}
		u := sys.First().Register(t)

		t.Run("requests keep it alive up to the cap", func(t *testing.T) {
			t.Parallel()
			token := sys.First().Login(t, u)
			begin := time.Now()
			servers := sys.Servers
			for i := 1; i <= 5; i++ {
				at(begin, time.Duration(i)*time.Second)
				servers[i%len(servers)].Do(t, harness.Me(token)).Want(t, http.StatusOK)
			}
			at(begin, 5700*time.Millisecond)
			sys.Last().Do(t, harness.Me(token)).Want(t, http.StatusOK)
			at(begin, 6200*time.Millisecond)
			for _, s := range servers {
				s.Do(t, harness.Me(token)).Want(t, http.StatusUnauthorized)
			}
		})
		t.Run("silence ends it", func(t *testing.T) {
			t.Parallel()
			token := sys.Last().Login(t, u)
			id := sys.Last().CurrentSession(t, token)
			harness.Pause(2500 * time.Millisecond)
			for _, s := range sys.Servers {
				a := s.Do(t, harness.Me(token)).Want(t, http.StatusUnauthorized)
				if kind := a.Text("error", "type"); kind != "SESSION_INACTIVE" && kind != "INVALID_TOKEN" {
					t.Errorf("error type is %q", kind)
				}
			}
			// The clean-up marks what has been dead for two write-back intervals.
			harness.Pause(time.Second)
			if out, code := sys.CLI(t, nil, "jobs", "run", "cleanup_sessions"); code != 0 {
				t.Fatalf("jobs run: exit code %d\n%s", code, out)
			}
			if status := sys.One(t, "SELECT status FROM sessions_sessions WHERE id = '"+id+"'"); status != "EXPIRED" {
				t.Errorf("status is %s, want EXPIRED", status)
			}
			sys.First().Do(t, harness.Me(token)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
		})
		t.Run("refresh extends it and never passes the cap", func(t *testing.T) {
			t.Parallel()
			token := sys.First().Login(t, u)
			begin := time.Now()
			last := time.Time{}
			for i := 1; i <= 5; i++ {
				at(begin, time.Duration(i)*1100*time.Millisecond)
				a := sys.Servers[i%len(sys.Servers)].Do(t, harness.Call{Method: http.MethodPost, Path: "/api/v1/auth/sessions/refresh", Token: token}).Want(t, http.StatusOK)
				expires, limit := a.Time(t, "data", "expires_at"), a.Time(t, "data", "absolute_expires_at")
				if expires.After(limit) {
					t.Errorf("expires_at %s is after absolute_expires_at %s", expires, limit)
				}
				if over := limit.Sub(begin); over > 6100*time.Millisecond {
					t.Errorf("the cap is %s after the log-in", over)
				}
				if expires.Before(last) {
					t.Errorf("refresh shortened the session: %s after %s", expires, last)
				}
				last = expires
			}
			at(begin, 6200*time.Millisecond)
			sys.First().Do(t, harness.Call{Method: http.MethodPost, Path: "/api/v1/auth/sessions/refresh", Token: token}).Want(t, http.StatusUnauthorized)
		})
		t.Run("remember_me does not lift the cap by itself", func(t *testing.T) {
			t.Parallel()
			a := next().Do(t, harness.Call{Path: "/api/v1/auth/login", Body: map[string]any{"email": u.Email, "password": u.Password, "remember_me": true}}).Want(t, http.StatusOK)
			if d := time.Until(a.Time(t, "data", "expires_at")); d > 3*time.Second {
				t.Errorf("the session lasts %s", d)
			}
		})
	})
}

// The window that was slid survives the loss of the cache and of the process.
func TestSlidingSurvives(t *testing.T) {
	t.Parallel()
	options := harness.Options{Env: map[string]string{"SESSION_IDLE_TIMEOUT": "8", "SESSION_ABSOLUTE_TIMEOUT": "120"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		token := sys.First().Login(t, u)
		begin := time.Now()
		for time.Since(begin) < 9*time.Second { // past the first window
			sys.Last().Do(t, harness.Me(token)).Want(t, http.StatusOK)
			harness.Pause(200 * time.Millisecond)
		}
		if sys.Redis != nil {
			if _, err := sys.Redis.Do("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
			for _, s := range sys.Servers {
				s.Do(t, harness.Me(token)).Want(t, http.StatusOK)
			}
		}
		if out, code := sys.CLI(t, map[string]string{"JOB_NAME": "cleanup_sessions"}, "jobs", "run"); code != 0 {
			t.Fatalf("jobs run: exit code %d\n%s", code, out)
		}
		harness.Pause(time.Second) // one write-back
		for _, s := range sys.Servers {
			s.Kill()
		}
		for _, s := range sys.Servers {
			s.Launch(t)
		}
		for _, s := range sys.Servers {
			s.AwaitReady(t, 20*time.Second)
		}
		if sys.Redis != nil {
			if _, err := sys.Redis.Do("FLUSHALL"); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range sys.Servers {
			s.Do(t, harness.Me(token)).Want(t, http.StatusOK)
		}
	})
}
