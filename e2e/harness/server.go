package harness

import (
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/contract"
	"github.com/authy2/backend/e2e/service"
)

// Server is one process of the binary.
type Server struct {
	// URL is the root, without a slash at the end.
	URL string
	// Dir is its working folder.
	Dir string
	// Log is everything it wrote.
	Log *Log

	sys    *System
	args   []string
	addr   string
	proc   *service.Process
	client *http.Client

	once        sync.Once
	document    *contract.Document
	documentErr error
}

// Add starts one more process of the deployment and waits until it is ready.
func (sys *System) Add(t testing.TB) *Server {
	t.Helper()
	return sys.AddArgs(t, "serve")
}

// AddArgs is Add with another command line than serve.
func (sys *System) AddArgs(t testing.TB, args ...string) *Server {
	t.Helper()
	port, err := service.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Dir:  t.TempDir(),
		Log:  &Log{},
		sys:  sys,
		args: args,
		addr: fmt.Sprintf("127.0.0.1:%d", port),
		client: &http.Client{
			Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse
			},
			Timeout: 20 * time.Second,
		},
	}
	s.URL = "http://" + s.addr
	sys.Servers = append(sys.Servers, s)
	t.Cleanup(func() { s.finish(t) })
	s.Start(t)
	return s
}

// Start starts the process, again after Kill or Terminate, and waits until it is ready.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	s.Launch(t)
	s.AwaitReady(t, 20*time.Second)
}

// Launch starts the process without waiting for it.
func (s *Server) Launch(t testing.TB) {
	t.Helper()
	env := s.sys.Environment()
	env["HTTP_ADDR"] = s.addr
	if env["PUBLIC_URL"] == "" {
		env["PUBLIC_URL"] = s.URL
	}
	cmd := Command(t, s.Dir, env, s.args...)
	cmd.Stdout, cmd.Stderr = s.Log, s.Log
	proc, err := service.Spawn(cmd)
	if err != nil {
		t.Fatal(err)
	}
	s.proc = proc
}

// AwaitReady waits until the process says it is ready.
func (s *Server) AwaitReady(t testing.TB, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		if a, err := s.Try(t.Context(), Call{Path: "/api/health/ready"}); err == nil && a.Status == http.StatusOK {
			return
		}
		if s.proc.Exited() {
			t.Fatalf("authy2 ended with exit code %d while starting:\n%s", s.proc.ExitCode(), s.Log.Tail(40))
		}
		if time.Now().After(deadline) {
			t.Fatalf("authy2 is not ready after %s:\n%s", within, s.Log.Tail(40))
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Kill is kill -9.
func (s *Server) Kill() { s.proc.Kill() }

// Terminate sends SIGTERM and returns the exit code and how long it took to end.
func (s *Server) Terminate(t testing.TB) (code int, took time.Duration) {
	t.Helper()
	begin := time.Now()
	s.proc.Signal(syscall.SIGTERM)
	select {
	case <-s.proc.Done():
	case <-time.After(30 * time.Second):
		t.Fatal("authy2 does not end after SIGTERM")
	}
	return s.proc.ExitCode(), time.Since(begin)
}

// PID is the process id.
func (s *Server) PID() int { return s.proc.PID() }

// Exited reports whether the process has ended.
func (s *Server) Exited() bool { return s.proc.Exited() }

func (s *Server) finish(t testing.TB) {
	s.client.CloseIdleConnections()
	if s.proc != nil {
		s.proc.Stop(syscall.SIGTERM, 15*time.Second)
	}
	s.sys.inspect(t, s.addr, s.Log)
}

// inspect reads the whole log of a process: no error may be in it and no secret of the
// journey.
func (sys *System) inspect(t testing.TB, name string, log *Log) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		bad := strings.Contains(line, "panic:") || strings.Contains(line, "DATA RACE") ||
			(!sys.Options.Errors && strings.Contains(line, `"level":"ERROR"`))
		if bad {
			t.Errorf("unexpected line in the log of authy2 %s: %s", name, strings.TrimSpace(line))
		}
		if secret := sys.secrets.in(line); secret != "" {
			t.Errorf("the log of authy2 %s shows the secret %q: %s", name, secret, strings.TrimSpace(line))
		}
	}
	if t.Failed() {
		t.Logf("last lines of authy2 %s:\n%s", name, log.Tail(30))
	}
}

// Command is the binary with arguments, in a folder, with nothing but env for an
// environment.
func Command(t testing.TB, dir string, env map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), Binary(t), args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "PATH=/usr/bin:/bin"}
	for k, v := range env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	return cmd
}

// CLI runs a command of the binary in the deployment, beside its processes, and returns
// what it wrote and its exit code.
func (sys *System) CLI(t testing.TB, env map[string]string, args ...string) (out string, code int) {
	t.Helper()
	all := sys.Environment()
	for k, v := range env {
		all[k] = v
	}
	return Run(t, t.TempDir(), all, args...)
}

// Run runs a command of the binary to its end.
func Run(t testing.TB, dir string, env map[string]string, args ...string) (out string, code int) {
	t.Helper()
	cmd := Command(t, dir, env, args...)
	var log Log
	cmd.Stdout, cmd.Stderr = &log, &log
	proc, err := service.Spawn(cmd)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-proc.Done():
	case <-time.After(60 * time.Second):
		proc.Kill()
		t.Fatalf("authy2 %s does not end:\n%s", strings.Join(args, " "), log.Tail(40))
	}
	return log.String(), proc.ExitCode()
}
