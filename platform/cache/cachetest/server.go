package cachetest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is a redis-server of its own for one test: on loopback, on a free port, in a
// temporary folder, and stopped when the test ends.
type Server struct {
	tb     testing.TB
	dir    string
	port   int
	config string // a sentinel's configuration; empty for a server
	args   []string

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
}

// StartRedis starts a server and waits until it answers. Extra arguments are the
// server's own, such as "--requirepass", "x". A missing redis-server fails the test.
func StartRedis(tb testing.TB, args ...string) *Server {
	tb.Helper()
	return launch(tb, &Server{args: args})
}

// StartSentinel starts a sentinel with the configuration file, which it will change.
func StartSentinel(tb testing.TB, config string) *Server {
	tb.Helper()
	return launch(tb, &Server{config: config})
}

func launch(tb testing.TB, s *Server) *Server {
	tb.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		tb.Fatal("redis-server is missing: apt-get install redis-server")
	}
	s.tb, s.dir = tb, tb.TempDir()
	tb.Cleanup(s.Kill)
	for range 5 {
		s.port = freePort(tb)
		if s.start() == nil {
			return s
		}
	}
	tb.Fatal("redis-server does not start")
	return nil
}

// URL is where the server answers.
func (s *Server) URL() string { return "redis://" + s.Address() + "/0" }

// Address is the server's host and port.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Freeze stops the server's process without closing its connections.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

// Kill ends the server at once. What it held is lost, and killing twice is no error.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Kill()
	<-s.done
	s.cmd = nil
}

// Restart starts a killed server again on the same port.
func (s *Server) Restart() {
	s.tb.Helper()
	if err := s.start(); err != nil {
		s.tb.Fatal(err)
	}
}

func (s *Server) signal(sig os.Signal) {
	s.tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatal(err)
	}
}

func (s *Server) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	args := []string{"--bind", "127.0.0.1", "--port", strconv.Itoa(s.port), "--dir", s.dir, "--daemonize", "no"}
	if s.config != "" {
		args = append([]string{s.config, "--sentinel"}, args...)
	} else {
		args = append(args, "--save", "", "--appendonly", "no", "--databases", "1024")
	}
	args = append(args, s.args...)
	cmd := exec.Command("redis-server", args...) //nolint:gosec,noctx // a test's own server, ended by Kill
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	s.cmd, s.done = cmd, done
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	give := time.After(10 * time.Second)
	for {
		select {
		case <-done:
			s.cmd = nil
			return errors.New("redis-server ended at once")
		case <-give:
			return fmt.Errorf("redis-server does not listen on %s", s.Address())
		case <-ticker.C:
			if c, err := net.DialTimeout("tcp", s.Address(), time.Second); err == nil { //nolint:noctx // it has a second
				return c.Close()
			}
		}
	}
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed on the next line but one
	if err != nil {
		tb.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return port
}

// Eventually fails the test unless ok becomes true within the time.
func Eventually(tb testing.TB, within time.Duration, what string, ok func() bool) {
	tb.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	give := time.After(within)
	for !ok() {
		select {
		case <-ticker.C:
		case <-give:
			tb.Fatalf("%s: not within %s", what, within)
		}
	}
}
