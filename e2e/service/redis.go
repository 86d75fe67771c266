package service

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Redis is a private Redis server. It keeps its port across Kill, Stop and Start.
type Redis struct {
	tools    Tools
	dir      string
	port     int
	settings []string
	proc     *Process
}

// NewRedis starts a server in a new temporary folder, without persistence. Settings such
// as "--appendonly", "yes" may be added; the last one wins.
func NewRedis(tools Tools, settings ...string) (*Redis, error) {
	dir, err := os.MkdirTemp("", "authy2-redis-")
	if err != nil {
		return nil, fmt.Errorf("service: redis folder: %w", err)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	r := &Redis{tools: tools, dir: dir, port: port, settings: settings}
	if err := r.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return r, nil
}

// Start starts the server again after Stop or Kill and waits until it answers. A copy
// put in place with [Redis.Restore] is loaded.
func (r *Redis) Start() error {
	cmd := exec.Command(r.tools.RedisServer, append([]string{
		"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--dir", r.dir,
		"--save", "", "--appendonly", "no", "--databases", "16", "--loglevel", "warning",
	}, r.settings...)...)
	cmd.Dir = r.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	proc, err := Spawn(cmd)
	if err != nil {
		return err
	}
	r.proc = proc
	deadline := time.Now().Add(10 * time.Second)
	for {
		if reply, err := r.Do("PING"); err == nil && reply == "PONG" {
			return nil
		}
		if proc.Exited() {
			return fmt.Errorf("service: redis ended while starting:\n%s", out.String())
		}
		if time.Now().After(deadline) {
			proc.Kill()
			return errors.New("service: redis does not answer")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Addr is its host and port.
func (r *Redis) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)) }

// URL is the URL of its first database.
func (r *Redis) URL() string { return "redis://" + r.Addr() + "/0" }

// PIDs are the server's processes.
func (r *Redis) PIDs() []int { return Tree(r.proc.PID()) }

// Do sends one command and returns its reply as text; arrays are joined by line breaks.
func (r *Redis) Do(args ...string) (string, error) {
	c, err := net.DialTimeout("tcp", r.Addr(), time.Second)
	if err != nil {
		return "", fmt.Errorf("service: redis: %w", err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(a), a)
	}
	if _, err := io.WriteString(c, b.String()); err != nil {
		return "", fmt.Errorf("service: redis: %w", err)
	}
	return readReply(bufio.NewReader(c))
}

// readReply reads one RESP2 reply.
func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("service: redis: %w", err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("service: redis: empty reply")
	}
	switch line[0] {
	case '+', ':':
		return line[1:], nil
	case '-':
		return "", fmt.Errorf("service: redis: %s", line[1:])
	case '$':
		n, err := strconv.Atoi(line[1:])
		if err != nil || n < 0 {
			return "", err
		}
		buf := make([]byte, n+2)
		if _, err := io.ReadFull(r, buf); err != nil {
			return "", fmt.Errorf("service: redis: %w", err)
		}
		return string(buf[:n]), nil
	case '*':
		n, err := strconv.Atoi(line[1:])
		if err != nil {
			return "", fmt.Errorf("service: redis: %w", err)
		}
		var items []string
		for range n {
			item, err := readReply(r)
			if err != nil {
				return "", err
			}
			items = append(items, item)
		}
		return strings.Join(items, "\n"), nil
	default:
		return "", fmt.Errorf("service: redis: unexpected reply %q", line)
	}
}

// Freeze stops the clock of the server: connections stay open and nothing answers.
func (r *Redis) Freeze() { r.proc.Signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (r *Redis) Thaw() { r.proc.Signal(syscall.SIGCONT) }

// Kill ends the server at once; what it held is lost.
func (r *Redis) Kill() { r.proc.Kill() }

// Snapshot returns a copy of all data as an RDB file.
func (r *Redis) Snapshot() ([]byte, error) {
	if _, err := r.Do("SAVE"); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(r.rdb())
	if err != nil {
		return nil, fmt.Errorf("service: redis snapshot: %w", err)
	}
	return raw, os.Remove(r.rdb())
}

// Restore kills the server and starts it on an older copy of its data.
func (r *Redis) Restore(rdb []byte) error {
	r.Kill()
	if err := os.WriteFile(r.rdb(), rdb, 0o600); err != nil {
		return fmt.Errorf("service: redis restore: %w", err)
	}
	if err := r.Start(); err != nil {
		return err
	}
	return os.Remove(r.rdb())
}

func (r *Redis) rdb() string { return filepath.Join(r.dir, "dump.rdb") }

// Close stops the server and removes its data.
func (r *Redis) Close() {
	r.proc.Stop(syscall.SIGTERM, 2*time.Second)
	_ = os.RemoveAll(r.dir)
}
