//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/authy2/backend/e2e/service"
)

const cost = 12

// stage is what all rows stand on.
type stage struct {
	options
	tools    service.Tools
	dir      string
	postgres *service.Postgres
	redis    *service.Redis
	// server is the binary on PostgreSQL and Redis; users are accounts with sessions.
	server  *server
	users   []credentials
	serial  int
	workers int
	env     []string
}

// server is one running process that answers HTTP.
type server struct {
	addr  string
	log   string
	proc  *service.Process
	ready time.Duration
}

// autopsy says how a process that should run has ended.
func (s *server) autopsy() string {
	if !s.proc.Exited() {
		return ""
	}
	out, _ := os.ReadFile(s.log)
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return fmt.Sprintf("\nthe server ended with exit code %d; its last lines:\n%s", s.proc.ExitCode(), strings.Join(lines[max(0, len(lines)-15):], "\n"))
}

func newStage(ctx context.Context, o options) (*stage, error) {
	tools, err := service.FindTools()
	if err != nil {
		return nil, err
	}
	if o.binary, err = filepath.Abs(o.binary); err != nil {
		return nil, fmt.Errorf("path of the binary: %w", err)
	}
	b := &stage{options: o, tools: tools, workers: max(1, runtime.GOMAXPROCS(0)-1)}
	b.env = common()
	if b.dir, err = os.MkdirTemp("", "authy2-bench-"); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if b.postgres, err = service.NewPostgres(tools, "fsync=on", "synchronous_commit=on", "full_page_writes=on"); err != nil {
		return nil, err
	}
	if b.redis, err = service.NewRedis(tools); err != nil {
		return nil, err
	}
	if _, err := b.postgres.CreateDatabase(ctx, "bench"); err != nil {
		return nil, err
	}
	if b.server, err = b.serve("redis", b.production()); err != nil {
		return nil, err
	}
	fmt.Print("registering 64 accounts … ")
	b.users, err = b.accounts(ctx, b.server.addr, 64)
	fmt.Println("done")
	return b, err
}

func (b *stage) close() {
	if b.server != nil {
		b.server.stop()
	}
	if b.redis != nil {
		b.redis.Close()
	}
	if b.postgres != nil {
		b.postgres.Close()
	}
	_ = os.RemoveAll(b.dir)
}

// newKey is a master key.
func newKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return hex.EncodeToString(key)
}

// common is the environment of the binary in every row: as in production, with limits
// off, since one address does all the work.
func common() []string {
	return []string{
		"APP_ENV=production", "PUBLIC_URL=https://bench.example.com", "RATELIMIT_ENABLED=false", fmt.Sprintf("BCRYPT_LOG_ROUNDS=%d", cost),
		"SECRET_KEY=" + newKey(), "ENCRYPTION_KEY=" + newKey(), "CA_ENCRYPTION_KEY=" + newKey(),
		"DATABASE_AUTO_MIGRATE=true", "LOG_FORMAT=json", "MAIL_DISABLED=true",
	}
}

func (b *stage) production() []string {
	return append(slices.Clone(b.env), "DATABASE_URL="+b.postgres.URL("bench"), "REDIS_URL="+b.redis.URL())
}

func (b *stage) sqlite() []string {
	return append(slices.Clone(b.env), "ALLOW_SQLITE=true", "DATABASE_URL=sqlite:"+filepath.Join(b.dir, "bench.db"))
}

// serve starts the binary and waits until it is ready, polling every millisecond.
func (b *stage) serve(name string, env []string) (*server, error) {
	port, err := service.FreePort()
	if err != nil {
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	cmd := exec.Command(b.binary, "serve")
	cmd.Dir = b.dir
	cmd.Env = append(env, "HTTP_ADDR="+addr, "HOME="+b.dir)
	return b.launch(name, cmd, addr, "/api/health/ready")
}

// limit starts a limit program.
func (b *stage) limit(role string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("own path: %w", err)
	}
	port, err := service.FreePort()
	if err != nil {
		return nil, err
	}
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	return b.launch("limit-"+role, exec.Command(self, "-role", role, "-addr", addr, "-redis", b.redis.Addr()), addr, "/me")
}

func (b *stage) launch(name string, cmd *exec.Cmd, addr, probe string) (*server, error) {
	log, err := os.Create(filepath.Join(b.dir, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("log: %w", err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	begin := time.Now()
	proc, err := service.Spawn(cmd)
	if err != nil {
		return nil, err
	}
	s := &server{addr: addr, log: log.Name(), proc: proc}
	for time.Since(begin) < 30*time.Second {
		if proc.Exited() {
			out, _ := os.ReadFile(log.Name())
			return nil, fmt.Errorf("%s ended while starting:\n%s", name, out)
		}
		conn, err := connect(context.Background(), addr)
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			status, _, err := exchange(conn, getRequest(addr, probe, "limit"), make([]byte, 16<<10))
			conn.Close()
			if err == nil && status == 200 {
				s.ready = time.Since(begin)
				return s, nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	s.stop()
	return nil, errors.New(name + " does not get ready")
}

func (s *server) stop() { s.proc.Stop(syscall.SIGTERM, 15*time.Second) }

// accounts registers n people, which costs a hash each.
func (b *stage) accounts(ctx context.Context, addr string, n int) ([]credentials, error) {
	type made struct {
		c   credentials
		err error
	}
	out := make(chan made)
	for range n {
		b.serial++
		email := fmt.Sprintf("bench-%06d@example.com", b.serial)
		go func() {
			for {
				c, err := register(ctx, addr, email)
				if err != nil && strings.Contains(err.Error(), "answers 503") && ctx.Err() == nil {
					time.Sleep(500 * time.Millisecond)
					continue
				}
				out <- made{c, err}
				return
			}
		}()
	}
	var list []credentials
	var errs []error
	for range n {
		m := <-out
		list, errs = append(list, m.c), append(errs, m.err)
	}
	return list, errors.Join(errs...)
}
