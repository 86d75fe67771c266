package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/platformtest"
)

// output is a stream that the program and the test share.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// program is the command line run inside the test, in a folder of its own.
type program struct {
	dir         string
	environ     []string
	out, errors *output
}

func newProgram(t *testing.T, environ ...string) *program {
	t.Helper()
	dir := t.TempDir()
	return &program{
		dir: dir, out: new(output), errors: new(output),
		environ: append([]string{"APP_ENV=testing", "DATABASE_URL=sqlite:" + filepath.Join(dir, "data", "authy2.db")}, environ...),
	}
}

func (p *program) run(ctx context.Context, args ...string) int {
	return run(ctx, &environment{
		args: args, environ: p.environ, dir: p.dir, stdout: p.out, stderr: p.errors, modules: modules(),
	})
}

// TestServe starts the whole server as an operator would, signs somebody in, and stops it
// by its context, as a signal does.
func TestServe(t *testing.T) {
	t.Parallel()
	for name, environ := range map[string]func(t *testing.T) []string{
		"embedded": func(*testing.T) []string { return nil },
		"postgres and redis": func(t *testing.T) []string {
			t.Helper()
			return []string{"DATABASE_URL=" + platformtest.PostgresURL(t), "REDIS_URL=" + platformtest.RedisURL(t)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, append(environ(t), "HTTP_ADDR=127.0.0.1:0", "LOG_FORMAT=json")...)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			code := make(chan int, 1)
			go func() { code <- p.run(ctx, "serve", "--seed") }()
			base := p.address(t)
			token := login(t, base)
			if status := me(t, base, token); status != http.StatusOK {
				t.Errorf("GET /api/v1/auth/me = %d", status)
			}
			stop()
			select {
			case c := <-code:
				if c != 0 {
					t.Errorf("exit status %d; errors: %s", c, p.errors)
				}
			case <-time.After(15 * time.Second):
				t.Fatal("the server does not stop")
			}
			for line := range strings.Lines(p.out.String()) {
				if strings.Contains(line, `"level":"WARN"`) || strings.Contains(line, `"level":"ERROR"`) {
					t.Errorf("unexpected log line: %s", line)
				}
				if strings.Contains(line, token) || strings.Contains(line, "UserPass123!") {
					t.Errorf("a secret is in the log: %s", line)
				}
			}
		})
	}
}

// address waits for the line that tells where the server listens.
func (p *program) address(t *testing.T) string {
	t.Helper()
	var base string
	platformtest.Eventually(t, time.Minute, "the server listens and is seeded", func() bool {
		for line := range strings.Lines(p.out.String()) {
			var entry struct {
				Msg, Address, Step string
			}
			if json.Unmarshal([]byte(line), &entry) != nil {
				continue
			}
			if entry.Msg == "listening" {
				base = "http://" + entry.Address
			}
			if strings.HasPrefix(entry.Step, "users 12/12") {
				return base != ""
			}
		}
		return false
	})
	return base
}

func login(t *testing.T, base string) string {
	t.Helper()
	body := strings.NewReader(`{"email":"bob@acme-corp.com","password":"UserPass123!"}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/api/v1/auth/login", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct{ Data struct{ Token string } }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Data.Token == "" {
		t.Fatalf("log-in: %d %v", res.StatusCode, err)
	}
	return answer.Data.Token
}

func me(t *testing.T, base, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/api/v1/auth/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}

// TestCommands runs the commands that need no server.
func TestCommands(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environ []string
		args    []string
		code    int
		out     []string // parts of what is printed
		errors  []string
	}{
		"version":               {args: []string{"version"}, out: []string{"authy2 "}},
		"modules":               {args: []string{"modules"}, out: []string{"identity", "sessions", "on"}},
		"one module":            {environ: []string{"MODULES=identity"}, args: []string{"modules", "--json"}, out: []string{`"on": false`}},
		"openapi":               {args: []string{"openapi"}, out: []string{`"openapi": "3.1`, `/api/v1/auth/login`}},
		"config check":          {args: []string{"config", "check"}, out: []string{"the configuration is right: profile testing"}},
		"config table":          {args: []string{"config", "table"}, out: []string{"| `SESSION_IDLE_TIMEOUT` |"}},
		"jobs list":             {args: []string{"jobs", "list"}, out: []string{"cleanup_sessions"}},
		"help of a module":      {args: []string{"users", "--help"}, out: []string{"users"}},
		"unknown command":       {args: []string{"serv"}, code: 2, errors: []string{`unknown command "serv"`}},
		"unknown in a group":    {args: []string{"db", "upgrad"}, code: 2, errors: []string{`unknown command "upgrad"`}},
		"unknown flag":          {args: []string{"serve", "--sed"}, code: 2, errors: []string{"--sed"}},
		"too many arguments":    {args: []string{"serve", "extra"}, code: 2, errors: []string{"used like this: authy2 serve"}},
		"too few arguments":     {args: []string{"users", "show"}, code: 2, errors: []string{"used like this: authy2 users show <email or id>"}},
		"unknown module's verb": {args: []string{"users", "nope"}, code: 2, errors: []string{`unknown command "nope"`}},
		"everything at once":    {environ: []string{"MODULES=foo", "LOG_LEVEL=loud"}, args: []string{"serve"}, code: 2, errors: []string{"modules.foo: there is no such module", "LOG_LEVEL"}},
		"unknown module":        {environ: []string{"MODULES=foo"}, args: []string{"serve"}, code: 2, errors: []string{"modules.foo: there is no such module (have audit, contact, identity, sessions, tenancy)"}},
		"module alone":          {environ: []string{"MODULES=sessions"}, args: []string{"serve"}, code: 2, errors: []string{"modules.sessions is on but modules.identity, which it requires, is off"}},
		"seed needs force":      {args: []string{"seed"}, code: 2, errors: []string{"--force"}},
		"job without name":      {args: []string{"jobs", "run"}, code: 2, errors: []string{"JOB_NAME"}},
		"job of no one":         {args: []string{"jobs", "run", "no_such_job"}, code: 1, errors: []string{"no_such_job"}},
		"job by name":           {args: []string{"jobs", "run", "cleanup_sessions"}, out: []string{"cleanup_sessions: "}},
		"job by JOB_NAME":       {environ: []string{"JOB_NAME=cleanup_sessions"}, args: []string{"jobs", "run", "--json"}, out: []string{`"job": "cleanup_sessions"`}},
		"downgrade of what":     {args: []string{"db", "downgrade"}, code: 2, errors: []string{"--line"}},
		"nobody listens":        {environ: []string{"HTTP_ADDR=127.0.0.1:1"}, args: []string{"healthcheck"}, code: 1, errors: []string{"connection refused"}},
		"production names every key": {
			environ: []string{"APP_ENV=production", "DATABASE_URL="}, args: []string{"serve"}, code: 2,
			errors: []string{"SECRET_KEY", "ENCRYPTION_KEY", "CA_ENCRYPTION_KEY", "DATABASE_URL", "PUBLIC_URL"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(t, tc.environ...)
			if code := p.run(t.Context(), tc.args...); code != tc.code {
				t.Errorf("exit status %d, want %d; errors: %s", code, tc.code, p.errors)
			}
			for _, part := range tc.out {
				if !strings.Contains(p.out.String(), part) {
					t.Errorf("output lacks %q: %s", part, p.out)
				}
			}
			for _, part := range tc.errors {
				if !strings.Contains(p.errors.String(), part) {
					t.Errorf("errors lack %q: %s", part, p.errors)
				}
			}
		})
	}
}

// TestDatabaseCommands takes a database up, down and up again.
func TestDatabaseCommands(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	if err := os.Mkdir(filepath.Join(p.dir, "sessions"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"db", "status"}, "pending"},
		{[]string{"db", "upgrade"}, ""},
		{[]string{"db", "upgrade"}, ""},
		{[]string{"db", "status", "--json"}, `"pending": []`},
		{[]string{"db", "downgrade", "--line", "sessions", "--steps", "1"}, ""},
		{[]string{"db", "status"}, "pending"},
		{[]string{"doctor"}, "sessions (1)"},
		{[]string{"seed", "--force"}, ""},
		{[]string{"jobs", "status"}, "cleanup_sessions"},
		{[]string{"jobs", "status", "--json"}, `"last_run": null`},
		{[]string{"db", "create", "--dir", p.dir, "sessions", "add_device"}, "add_device"},
	} {
		p.out, p.errors = new(output), new(output)
		if code := p.run(t.Context(), step.args...); code != 0 {
			t.Fatalf("%v: exit status %d: %s", step.args, code, p.errors)
		}
		if !strings.Contains(p.out.String(), step.want) {
			t.Errorf("%v: output lacks %q: %s", step.args, step.want, p.out)
		}
	}
	if _, err := os.Stat(filepath.Join(p.dir, "data", "authy2.db")); err != nil {
		t.Error(err)
	}
}
