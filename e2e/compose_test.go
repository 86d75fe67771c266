package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

const (
	cookieName    = "__Host-authy2_session"
	composeMe     = "/api/v1/auth/me"
	composeLogout = "/api/v1/auth/logout"
	sessionsPath  = "/api/v1/auth/sessions"
)

// TestCompose starts what docker/compose.yaml describes and walks through it as people do,
// by https.
func TestCompose(t *testing.T) { //nolint:tparallel // its steps are a journey
	t.Parallel()
	stack := harness.NewStack(t, map[string]string{
		"SESSION_IDLE_TIMEOUT": "2", "SESSION_CLEANUP_INTERVAL": "1", "RATELIMIT_LOGIN": "3-H", "JOB_INTERVAL_SECONDS": "1",
	})
	for _, made := range []string{"copied configs/.env.example", "SECRET_KEY: made", "ENCRYPTION_KEY: made", "POSTGRES_PASSWORD: made", "self-signed certificate for localhost", "mailpit"} {
		if !strings.Contains(stack.Said, made) {
			t.Errorf("prepare.sh does not say %q:\n%s", made, stack.Said)
		}
	}
	stack.Up(t)
	// What follows leaves the stack as it was, up to the last one, which ends it.
	for _, step := range []struct {
		name string
		test func(t *testing.T, stack *harness.Stack)
	}{
		{"nobody is root", composeNobodyIsRoot},
		{"health and the way to https", composeHealth},
		{"register, sign in and out with the cookie", composeCookie},
		{"what a client says of its address is ignored", composeForgedAddress},
		{"what a client says of its scheme is ignored", composeForgedScheme},
		{"a mail arrives", composeMail},
		{"bodies that are too large", composeLargeBodies},
		{"a request id is passed through", composeRequestID},
		{"an export passes through", composeExport},
		{"the worker marks sessions", composeWorker},
		{"the runner of one job marks sessions", composeRunner},
		{"servers come and go under load", composeScaling},
		{"no server is left", composeNoServer},
		{"everything stops in order", composeStop},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.test(t, stack) }) {
			return
		}
	}
}

// uid is the user of a process, by its folder in /proc.
func uid(t *testing.T, pid int) string {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "Uid:"); ok {
			return strings.Fields(rest)[1]
		}
	}
	t.Fatalf("no user in the status of %d", pid)
	return ""
}

func composeNobodyIsRoot(t *testing.T, stack *harness.Stack) {
	own := strconv.Itoa(os.Geteuid())
	user := func(declared string) string {
		if own != "0" {
			return own // only root can become somebody else
		}
		name, _, _ := strings.Cut(declared, ":")
		return name
	}
	for _, c := range stack.Containers() {
		if got, want := uid(t, c.PID()), user("65532:65532"); got != want {
			t.Errorf("%s runs as %s, want %s", c.Service, got, want)
		}
	}
	for _, pid := range stack.Nginx().PIDs() {
		if got, want := uid(t, pid), user(stack.File.Services["nginx"].User); got != want {
			t.Errorf("nginx runs as %s, want %s", got, want)
		}
	}
}

func composeHealth(t *testing.T, stack *harness.Stack) {
	plain, secure := stack.Client(t, "http"), stack.Client(t, "https")
	for name, client := range map[string]*harness.Client{"http": plain, "https": secure} {
		a := client.Do(t, harness.Call{Path: "/api/health", Undocumented: true}).Want(t, http.StatusOK)
		if a.Text("data", "status") != "healthy" {
			t.Errorf("by %s: %s", name, a.Body)
		}
		if hsts := a.Header.Get("Strict-Transport-Security"); (hsts != "") != (name == "https") {
			t.Errorf("by %s Strict-Transport-Security is %q", name, hsts)
		}
	}
	for method, path := range map[string]string{http.MethodGet: "/api/v1/auth/me?x=%2F", http.MethodPost: "/api/v1/auth/login"} {
		a, err := plain.Try(t.Context(), harness.Call{Method: method, Path: path, Header: map[string]string{"Host": "evil.example"}})
		if err != nil {
			t.Fatal(err)
		}
		if want := stack.Env["PUBLIC_URL"] + path; a.Status != http.StatusPermanentRedirect || a.Header.Get("Location") != want {
			t.Errorf("%s %s by http: %d to %q, want %q", method, path, a.Status, a.Header.Get("Location"), want)
		}
	}
}

// sessionCookie is the cookie that an answer sets.
func sessionCookie(t *testing.T, a *harness.Answer) *http.Cookie {
	t.Helper()
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		if c.Name == cookieName {
			return c
		}
	}
	t.Fatalf("no cookie %s in %v", cookieName, a.Header.Values("Set-Cookie"))
	return nil
}

func composeCookie(t *testing.T, stack *harness.Stack) {
	client := stack.Client(t, "https")
	u := client.Register(t)
	a := client.Do(t, harness.LoginCall(u.Email, u.Password)).Want(t, http.StatusOK)
	c := sessionCookie(t, a)
	if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %s", c.Raw)
	}
	if a.Header.Get("Strict-Transport-Security") == "" {
		t.Error("Strict-Transport-Security is missing")
	}
	browser := func(method, path, origin string) *harness.Answer {
		header := map[string]string{"Cookie": cookieName + "=" + c.Value}
		if origin != "" {
			header["Origin"] = origin
		}
		return client.Do(t, harness.Call{Method: method, Path: path, Header: header})
	}
	if got := browser(http.MethodGet, composeMe, "").Want(t, http.StatusOK).Text("data", "user", "email"); got != u.Email {
		t.Errorf("the cookie is %q's", got)
	}
	browser(http.MethodPost, composeLogout, "https://evil.example").Want(t, http.StatusForbidden)
	browser(http.MethodPost, composeLogout, stack.Env["PUBLIC_URL"]).Want(t, http.StatusOK)
	browser(http.MethodGet, composeMe, "").Want(t, http.StatusUnauthorized)
}

// The limit counts by socket, whatever the header says, over both servers; the trail and
// the list of sessions show the socket's address.
func composeForgedAddress(t *testing.T, stack *harness.Stack) {
	stack.Add(t, "api")
	guesser := stack.Client(t, "https")
	for i := range 4 {
		call := harness.LoginCall(fmt.Sprintf("nobody-%d@example.com", i), "wrong-password-here")
		call.Header = map[string]string{"X-Forwarded-For": fmt.Sprintf("203.0.113.%d", i), "X-Real-IP": "203.0.113.99", "Forwarded": "for=203.0.113.98"}
		want := http.StatusUnauthorized
		if i == 3 {
			want = http.StatusTooManyRequests
		}
		guesser.Do(t, call).Want(t, want)
	}
	honest := stack.Client(t, "https")
	u := honest.Register(t)
	call := harness.LoginCall(u.Email, u.Password)
	call.Header = map[string]string{"X-Forwarded-For": "198.51.100.7, 127.0.0.1", "X-Request-ID": "forged-address"}
	token := honest.Do(t, call).Want(t, http.StatusOK).Text("data", "token")
	for _, session := range honest.Do(t, harness.Call{Path: sessionsPath, Token: token}).Want(t, http.StatusOK).List(t, "data", "sessions") {
		if session["ip_address"] != honest.From.String() {
			t.Errorf("a session from %v, want %s", session["ip_address"], honest.From)
		}
	}
	harness.Eventually(t, 10*time.Second, "the sign-in is in the trail", func() bool {
		a := honest.Do(t, harness.Call{Path: "/api/v1/users/me/audit-logs?limit=100", Token: token}).Want(t, http.StatusOK)
		found := false
		for _, entry := range a.List(t, "data", "audit_logs") {
			if entry["ip_address"] != honest.From.String() {
				t.Errorf("an entry of %v from %v, want %s", entry["action"], entry["ip_address"], honest.From)
			}
			found = found || entry["request_id"] == "forged-address"
		}
		return found
	})
}

func composeForgedScheme(t *testing.T, stack *harness.Stack) {
	for scheme, claimed := range map[string]string{"http": "https", "https": "http"} {
		a := stack.Client(t, scheme).Do(t, harness.Call{Path: "/api/health", Undocumented: true, Header: map[string]string{
			"X-Forwarded-Proto": claimed, "Forwarded": "proto=" + claimed,
		}}).Want(t, http.StatusOK)
		if hsts := a.Header.Get("Strict-Transport-Security"); (hsts != "") != (scheme == "https") {
			t.Errorf("by %s, said to be %s: Strict-Transport-Security is %q", scheme, claimed, hsts)
		}
	}
}

// The worker hands mails over under TLS, with a certificate that is trusted because
// prepare.sh put it among the authorities.
func composeMail(t *testing.T, stack *harness.Stack) {
	u := stack.Client(t, "https").Register(t)
	harness.Eventually(t, 30*time.Second, "a mail to the new user", func() bool {
		for _, mail := range stack.Mail.Mails() {
			if strings.Contains(mail, "To: <"+u.Email+">") {
				return true
			}
		}
		return false
	})
}

func composeLargeBodies(t *testing.T, stack *harness.Stack) {
	client := stack.Client(t, "https")
	for _, size := range []int{1<<20 + 1, 4 << 20} { // refused by the server, and by nginx
		body := []byte(`{"email":"` + strings.Repeat("x", size) + `"}`)
		client.Do(t, harness.Call{Path: registerPath, Raw: body}).WantError(t, http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE")
	}
}

func composeRequestID(t *testing.T, stack *harness.Stack) {
	const id = "compose-1_2.3"
	a := stack.Client(t, "https").Do(t, harness.Call{Path: "/api/v1/nowhere", Header: map[string]string{"X-Request-ID": id}}).Want(t, http.StatusNotFound)
	if a.Header.Get("X-Request-Id") != id {
		t.Errorf("X-Request-ID is %q", a.Header.Get("X-Request-Id"))
	}
	if !strings.Contains(stack.Nginx().Log(), `"request_id":"`+id+`"`) {
		t.Error("the log of nginx does not have it")
	}
	if strings.Contains(stack.Nginx().Log(), "/api/v1/nowhere") {
		t.Error("the log of nginx shows paths")
	}
}

func composeExport(t *testing.T, stack *harness.Stack) {
	client := stack.Client(t, "https")
	u := client.Register(t)
	a := client.Do(t, harness.Call{Path: "/api/v1/users/me/audit-logs", Token: u.Token, Header: map[string]string{"Accept": "text/csv"}}).Want(t, http.StatusOK)
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") || strings.Count(string(a.Body), "\n") < 2 {
		t.Errorf("%s:\n%s", a.Header.Get("Content-Type"), a.Body)
	}
}

// expires registers somebody and waits until their session is marked.
func expires(t *testing.T, stack *harness.Stack, by string) {
	t.Helper()
	client := stack.Client(t, "https")
	session := client.CurrentSession(t, client.Register(t).Token)
	harness.Eventually(t, 30*time.Second, by+" marks the session", func() bool {
		return stack.System.One(t, `SELECT status FROM sessions_sessions WHERE id = '`+session+`'`) == "EXPIRED"
	})
}

func composeWorker(t *testing.T, stack *harness.Stack) {
	expires(t, stack, "the worker")
	for _, c := range stack.Containers() {
		if c.Service == "api" && strings.Contains(c.Log.String(), `"job"`) {
			t.Errorf("a server works on jobs:\n%s", c.Log.Tail(10))
		}
	}
}

func composeRunner(t *testing.T, stack *harness.Stack) {
	for _, c := range stack.Containers() {
		if c.Service == "jobs" {
			if code, took := c.Stop(); code != 0 || took > 10*time.Second {
				t.Errorf("SIGTERM ends the worker with %d after %s", code, took)
			}
		}
	}
	runner := stack.Add(t, "job")
	expires(t, stack, "the runner")
	if code, took := runner.Stop(); code != 0 || took > 10*time.Second {
		t.Errorf("SIGTERM ends the runner with %d after %s:\n%s", code, took, runner.Log.Tail(10))
	}
	stack.Add(t, "jobs")
}

// Servers are added and stopped while requests are made: none that can be sent again
// fails.
func composeScaling(t *testing.T, stack *harness.Stack) {
	client := stack.Client(t, "https")
	u := client.Register(t)
	var stop atomic.Bool
	var done atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				a, err := client.Try(t.Context(), harness.Me(u.Token))
				if err != nil {
					t.Error(err)
					return
				}
				if a.Status != http.StatusOK {
					t.Errorf("status %d from %s: %s", a.Status, a.Header.Get("X-Request-Id"), a.Body)
					return
				}
				done.Add(1)
			}
		})
	}
	more := func() {
		t.Helper()
		have := done.Load()
		harness.Eventually(t, 30*time.Second, "requests go on", func() bool { return done.Load() > have+20 })
	}
	more()
	for range 2 {
		fresh := stack.Add(t, "api")
		harness.Eventually(t, 30*time.Second, "nginx finds the new server", func() bool {
			return strings.Contains(stack.Nginx().Log(), `"server":"`+fresh.Addr()+`"`)
		})
		harness.Pause(3 * time.Second) // each process of nginx asks for names by itself, every two seconds
		oldest := stack.Containers("api")[0]
		if code, took := oldest.Stop(); code != 0 || took > 10*time.Second {
			t.Errorf("SIGTERM ends a server with %d after %s", code, took)
		}
		more()
	}
	stop.Store(true)
	wg.Wait()
}

// Without a server nginx answers itself, in the form of all answers, until one is back.
func composeNoServer(t *testing.T, stack *harness.Stack) {
	for _, c := range stack.Containers("api") {
		if code, _ := c.Stop(); code != 0 {
			t.Errorf("SIGTERM ends a server with %d", code)
		}
	}
	client := stack.Client(t, "https")
	harness.Eventually(t, 20*time.Second, "nginx answers for the servers", func() bool {
		a, err := client.Try(t.Context(), harness.Call{Path: composeMe})
		if err != nil {
			t.Fatal(err)
		}
		a.Call.Unavailable = true
		if complaints := harness.Complaints(a); a.Status == http.StatusServiceUnavailable && len(complaints) > 0 {
			t.Fatalf("%v: %s", complaints, a.Body)
		}
		return a.Status == http.StatusServiceUnavailable && a.Text("error", "type") == "SERVICE_UNAVAILABLE"
	})
	stack.Add(t, "api")
	harness.Eventually(t, 20*time.Second, "the server is found", func() bool {
		a, err := client.Try(t.Context(), harness.Call{Path: "/api/health/ready"})
		return err == nil && a.Status == http.StatusOK
	})
}

// docker compose down: nginx first, then the servers and workers, the databases last.
func composeStop(t *testing.T, stack *harness.Stack) {
	if code := stack.Nginx().Quit(); code != 0 {
		t.Errorf("nginx ends with %d:\n%s", code, stack.Nginx().Log())
	}
	for _, c := range stack.Containers() {
		if code, took := c.Stop(); code != 0 || took > 10*time.Second {
			t.Errorf("SIGTERM ends %s with %d after %s:\n%s", c.Service, code, took, c.Log.Tail(10))
		}
	}
}
