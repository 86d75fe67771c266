package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Postgres is a private PostgreSQL server. It keeps its port and its data across
// Kill, Stop and Start.
type Postgres struct {
	tools Tools
	dir   string
	port  int
	extra []string
	owner *syscall.Credential
	proc  *Process
}

// NewPostgres creates and starts a server in a new temporary folder. It trusts every
// connection of the loopback interface and does not wait for the disk. Settings such as
// "fsync=on" may be added; the last one wins.
func NewPostgres(tools Tools, settings ...string) (*Postgres, error) {
	dir, err := os.MkdirTemp("", "authy2-postgres-")
	if err != nil {
		return nil, fmt.Errorf("service: postgres folder: %w", err)
	}
	p := &Postgres{tools: tools, dir: dir, extra: settings}
	if err := p.create(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := p.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return p, nil
}

func (p *Postgres) create() error {
	// postgres refuses to run as root.
	if os.Geteuid() == 0 {
		owner, err := unprivileged()
		if err != nil {
			return err
		}
		p.owner = owner
		if err := os.Chown(p.dir, int(owner.Uid), int(owner.Gid)); err != nil {
			return fmt.Errorf("service: hand the postgres folder over: %w", err)
		}
	}
	port, err := FreePort()
	if err != nil {
		return err
	}
	p.port = port
	cmd := p.command("initdb", "--pgdata", p.data(), "--username=postgres", "--auth=trust",
		"--encoding=UTF8", "--no-locale", "--no-sync")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("service: initdb: %w\n%s", err, out)
	}
	return nil
}

func unprivileged() (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("service: PostgreSQL does not run as root and there is no user postgres: %w", err)
	}
	uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
	if err := errors.Join(errUID, errGID); err != nil {
		return nil, fmt.Errorf("service: user postgres: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

func (p *Postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(p.tools.PostgresBin, name), args...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=" + p.dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner}
	return cmd
}

// Start starts the server again after Stop or Kill and waits until it answers.
func (p *Postgres) Start() error {
	args := []string{"-D", p.data(), "-p", strconv.Itoa(p.port), "-k", p.dir, "-h", "127.0.0.1"}
	for _, s := range append([]string{
		"fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400",
		"shared_buffers=64MB", "autovacuum_naptime=30s", "log_min_messages=fatal",
	}, p.extra...) {
		args = append(args, "-c", s)
	}
	cmd := p.command("postgres", args...)
	logFile, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		return fmt.Errorf("service: postgres log: %w", err)
	}
	defer logFile.Close()
	cmd.Stdout, cmd.Stderr = logFile, logFile
	proc, err := Spawn(cmd)
	if err != nil {
		return err
	}
	p.proc = proc
	if err := p.await(30 * time.Second); err != nil {
		proc.Kill()
		out, _ := os.ReadFile(filepath.Join(p.dir, "log"))
		return fmt.Errorf("service: postgres: %w\n%s", err, out)
	}
	return nil
}

// await asks for TLS (SSLRequest), which a server answers with one byte once it takes
// connections, and then for a connection, which it refuses while it still recovers.
func (p *Postgres) await(within time.Duration) error {
	deadline := time.Now().Add(within)
	for {
		if p.proc.Exited() {
			return errors.New("it ended while starting")
		}
		if p.answers() {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("it does not answer")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (p *Postgres) answers() bool {
	c, err := net.DialTimeout("tcp", p.Addr(), time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	startup := "\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00"
	n := len(startup) + 4
	if _, err := c.Write(append([]byte{0, 0, 0, byte(n)}, startup...)); err != nil {
		return false
	}
	kind := make([]byte, 1)
	if _, err := c.Read(kind); err != nil {
		return false
	}
	return kind[0] == 'R'
}

// Addr is its host and port.
func (p *Postgres) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

// URL is the superuser's URL of a database.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", p.Addr(), database)
}

// CreateDatabase makes an empty database and returns its URL.
func (p *Postgres) CreateDatabase(ctx context.Context, name string) (string, error) {
	if err := p.Exec(ctx, "postgres", fmt.Sprintf(`CREATE DATABASE %q`, name)); err != nil {
		return "", err
	}
	return p.URL(name), nil
}

// PIDs are the server's processes.
func (p *Postgres) PIDs() []int { return Tree(p.proc.PID()) }

// Freeze stops the clock of the server: connections stay open and nothing answers.
func (p *Postgres) Freeze() { p.proc.SignalTree(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (p *Postgres) Thaw() { p.proc.SignalTree(syscall.SIGCONT) }

// Stop shuts the server down, ending every connection. Start brings it back.
func (p *Postgres) Stop() { p.proc.Stop(syscall.SIGINT, 10*time.Second) }

// Close stops the server and removes its data.
func (p *Postgres) Close() {
	p.proc.Stop(syscall.SIGQUIT, 5*time.Second)
	_ = os.RemoveAll(p.dir)
}
