package e2e_test

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// PostgreSQL frozen or stopped: 503 with Retry-After within 5 s, alive, not ready, and
// back within 2 s.
func TestPostgresOutage(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Single}, OwnPostgres: true, Errors: true}
	for _, outage := range []struct {
		name       string
		begin, end func(sys *harness.System) error
	}{
		{"frozen", func(sys *harness.System) error { sys.Postgres.Freeze(); return nil }, func(sys *harness.System) error { sys.Postgres.Thaw(); return nil }},
		{"stopped", func(sys *harness.System) error { sys.Postgres.Stop(); return nil }, func(sys *harness.System) error { return sys.Postgres.Start() }},
	} {
		t.Run(outage.name, func(t *testing.T) {
			t.Parallel()
			harness.Each(t, options, func(t *testing.T, sys *harness.System) {
				s := sys.First()
				u := s.Register(t)
				s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK)
				if err := outage.begin(sys); err != nil {
					t.Fatal(err)
				}
				var wait sync.WaitGroup
				for _, call := range []harness.Call{
					{Path: registerPath, Body: sys.NewUser().Registration()},
					harness.LoginCall(u.Email, u.Password),
					{Path: "/api/v1/auth/sessions", Token: u.Token},
					{Method: http.MethodPatch, Path: "/api/v1/users/me", Token: u.Token, Body: map[string]any{"full_name": "Late"}},
					harness.Me("a-token-that-nobody-has-in-the-cache-at-all"),
				} {
					call.Unavailable = true
					wait.Go(func() {
						a := s.Do(t, call)
						if a.Status != http.StatusServiceUnavailable || a.Text("error", "type") != "SERVICE_UNAVAILABLE" {
							t.Errorf("%s: %d %s, want 503", call.Path, a.Status, a.Body)
						}
						if seconds, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || seconds < 1 {
							t.Errorf("%s: Retry-After is %q", call.Path, a.Header.Get("Retry-After"))
						}
						if a.Took > 5200*time.Millisecond {
							t.Errorf("%s took %s, want 5 s at most", call.Path, a.Took)
						}
					})
				}
				wait.Wait()
				s.Do(t, harness.Call{Path: "/api/health/live"}).Want(t, http.StatusOK)
				for _, path := range []string{"/api/health/ready", "/api/health"} { // an answer may be a moment old
					harness.Eventually(t, 2*time.Second, path+" says so", func() bool {
						return s.Do(t, harness.Call{Path: path, Unavailable: true}).Status == http.StatusServiceUnavailable
					})
				}
				if s.Exited() {
					t.Fatal("the process ended")
				}
				if err := outage.end(sys); err != nil {
					t.Fatal(err)
				}
				begin := time.Now()
				harness.Eventually(t, 10*time.Second, "it is back", func() bool {
					a, err := s.Try(t.Context(), harness.LoginCall(u.Email, u.Password))
					return err == nil && a.Status == http.StatusOK
				})
				harness.Eventually(t, 10*time.Second, "it is ready", func() bool {
					a, err := s.Try(t.Context(), harness.Call{Path: "/api/health/ready"})
					return err == nil && a.Status == http.StatusOK
				})
				if took := time.Since(begin); took > 2*time.Second {
					t.Errorf("it was back after %s, want 2 s at most", took)
				}
				s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK)
			})
		})
	}
}

// Redis away: sessions, log-ins and limits go on; it is back within 2 s.
func TestRedisOutage(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Single}, Errors: true, Env: map[string]string{"RATELIMIT_ENABLED": "true", "RATELIMIT_LOGIN": "30-H", "TRUSTED_PROXIES": "127.0.0.0/8"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := s.Register(t)
		for number, outage := range []struct {
			name       string
			begin, end func()
		}{
			{"frozen", sys.Redis.Freeze, sys.Redis.Thaw},
			{"stopped", sys.Redis.Kill, func() {
				if err := sys.Redis.Start(); err != nil {
					t.Fatal(err)
				}
			}},
		} {
			outage.begin()
			for range 5 {
				if a := s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK); a.Took > 1500*time.Millisecond {
					t.Errorf("%s: a check took %s", outage.name, a.Took)
				}
			}
			s.Do(t, harness.LoginCall(u.Email, u.Password)).Want(t, http.StatusOK)
			s.Do(t, harness.Call{Path: "/api/health/live"}).Want(t, http.StatusOK)
			limited := false
			for i := 0; i < 40 && !limited; i++ {
				limited = s.Do(t, harness.Call{Path: loginPath, Body: map[string]any{"email": "x"}, Header: map[string]string{"X-Forwarded-For": fmt.Sprintf("203.0.113.%d", number)}}).Status == http.StatusTooManyRequests
			}
			if !limited {
				t.Errorf("%s: no limit bites", outage.name)
			}
			outage.end()
			begin := time.Now()
			harness.Eventually(t, 5*time.Second, "sessions are served from Redis again", func() bool {
				s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK)
				keys, err := sys.Redis.Do("DBSIZE")
				return err == nil && keys != "0"
			})
			if took := time.Since(begin); took > 2500*time.Millisecond {
				t.Errorf("%s: back after %s", outage.name, took)
			}
		}
	})
}

// SIGTERM under load: no request is broken, exit 0 within 10 s.
func TestTerminateUnderLoad(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := s.Register(t)
		var stopping atomic.Bool
		var wait sync.WaitGroup
		var served atomic.Int64
		for i := range 16 {
			wait.Go(func() {
				for {
					call := harness.Me(u.Token)
					if i%4 == 0 {
						call = harness.LoginCall(u.Email, u.Password)
					}
					before := stopping.Load()
					a, err := s.Try(t.Context(), call)
					switch {
					case err != nil && stopping.Load():
						return // refused a new connection: it is gone
					case err != nil:
						t.Errorf("broken request: %v", err)
						return
					case a.Status == http.StatusOK:
						served.Add(1)
					case a.Status == http.StatusServiceUnavailable && stopping.Load():
					default:
						t.Errorf("status %d while stopping is %t: %s", a.Status, before, a.Body)
						return
					}
				}
			})
		}
		harness.Eventually(t, 10*time.Second, "the load runs", func() bool { return served.Load() > 200 })
		stopping.Store(true)
		code, took := s.Terminate(t)
		wait.Wait()
		if code != 0 || took > 10*time.Second {
			t.Errorf("exit code %d after %s", code, took)
		}
	})
}

// A request that is being worked on when SIGTERM comes is answered.
func TestTerminateFinishesWhatRuns(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Single, harness.Options{Env: map[string]string{"BCRYPT_LOG_ROUNDS": "12"}})
	u := sys.First().Register(t)
	answers := make(chan *harness.Answer, 4)
	for range cap(answers) {
		go func() {
			a, err := sys.First().Try(t.Context(), harness.LoginCall(u.Email, u.Password))
			if err != nil {
				t.Error(err)
			}
			answers <- a
		}()
	}
	harness.Pause(150 * time.Millisecond)
	if code, took := sys.First().Terminate(t); code != 0 || took > 10*time.Second {
		t.Errorf("exit code %d after %s", code, took)
	}
	for range cap(answers) {
		if a := <-answers; a != nil && a.Status != http.StatusOK {
			t.Errorf("status %d: %s", a.Status, a.Body)
		}
	}
}

// kill -9 in the middle of writes, again and again: nothing acknowledged is lost, and it
// is ready again within 2 s.
func TestKilledWhileWriting(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}, Errors: true}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		var mu sync.Mutex
		acknowledged := map[string]harness.User{}
		for range 8 {
			var wait sync.WaitGroup
			for range 4 {
				wait.Go(func() {
					for {
						u := sys.NewUser()
						a, err := s.Try(t.Context(), harness.Call{Path: registerPath, Body: u.Registration()})
						if err != nil {
							return
						}
						if a.Status == http.StatusCreated {
							u.Token = a.Text("data", "token")
							mu.Lock()
							acknowledged[u.Email] = u
							mu.Unlock()
						}
					}
				})
			}
			harness.Pause(150 * time.Millisecond)
			s.Kill()
			wait.Wait()
			begin := time.Now()
			s.Launch(t)
			s.AwaitReady(t, 5*time.Second)
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("ready again after %s", took)
			}
		}
		if len(acknowledged) < 8 {
			t.Fatalf("only %d registrations were acknowledged", len(acknowledged))
		}
		checked := 0
		for _, u := range acknowledged {
			if a := s.Do(t, harness.Me(u.Token)); a.Status != http.StatusOK {
				t.Errorf("an acknowledged registration is answered %d %s; user %v, sessions %v", a.Status, a.Body,
					sys.Query(t, "SELECT id, status, created_at FROM identity_users WHERE email = '"+u.Email+"'"),
					sys.Query(t, "SELECT s.* FROM sessions_sessions s JOIN identity_users u ON u.id = s.user_id WHERE u.email = '"+u.Email+"'"))
			}
			if checked++; checked > 200 {
				break
			}
		}
		if got := sys.One(t, "SELECT count(*) FROM identity_users u WHERE NOT EXISTS (SELECT 1 FROM sessions_sessions s WHERE s.user_id = u.id)"); got != "0" {
			t.Errorf("%s users without the session that registering makes: half a registration", got)
		}
	})
}
