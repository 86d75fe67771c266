package platformtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// supervise runs a server as the child of a shell that ends it, and removes its folder,
// when this process lets go of the shell's input: at its end, whatever ends it.
const supervise = `dir=$1; shift
"$@" </dev/null >>"$dir/log" 2>&1 &
pid=$!
cat >/dev/null
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
rm -rf "$dir"`

// startTimeout bounds the start of a server on a busy machine.
const startTimeout = 60 * time.Second

// server is a started server, or one that was there. It lives as long as it is referred to.
type server struct {
	url   *url.URL
	leash *os.File // the shell's input; closing it ends the server
}

// newFolder returns a temporary folder of the user that servers run as, and that user's
// credential; nil where this process need not change it.
func newFolder(name string) (string, *syscall.Credential, error) {
	dir, err := os.MkdirTemp("", "authy2-test-"+name+"-")
	if err != nil {
		return "", nil, err
	}
	if os.Geteuid() != 0 {
		return dir, nil, nil
	}
	u, err := user.Lookup("postgres") // PostgreSQL does not run as root
	if err != nil {
		return "", nil, fmt.Errorf("tests run as root, so PostgreSQL needs its user: %w", err)
	}
	uid, errUID := strconv.Atoi(u.Uid)
	gid, errGID := strconv.Atoi(u.Gid)
	if err := errors.Join(errUID, errGID, os.Chown(dir, uid, gid)); err != nil {
		return "", nil, err
	}
	return dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// command prepares a program that runs in dir as the servers' user.
func command(dir string, as *syscall.Credential, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd
}

// start runs the server program and waits until ready says so.
func start(dir string, as *syscall.Credential, at *url.URL, ready func(ctx context.Context) error, program ...string) (*server, error) {
	input, leash, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = input.Close() }()
	cmd := command(dir, as, "/bin/sh", append([]string{"-c", supervise, "sh", dir}, program...)...)
	cmd.Stdin = input
	cmd.SysProcAttr.Setsid = true // an interrupt of the terminal is for the tests; the shell hears of their end
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, leash.Close())
	}
	go func() { _ = cmd.Wait() }()
	s := &server{url: at, leash: leash}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return s, nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return nil, errors.Join(fmt.Errorf("%s does not start: %w\n%s", program[0], err, log), leash.Close())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// given returns the server at a URL from the environment, or nil.
func given(variable string) (*server, error) {
	raw := os.Getenv(variable)
	if raw == "" {
		return nil, nil
	}
	at, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s is not a URL", variable)
	}
	return &server{url: at}, nil
}

// freePort returns a loopback port that nobody listened on a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// find returns the path of a program that is in PATH or in one of the folders.
func find(name string, folders ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, folder := range folders {
		matches, err := filepath.Glob(filepath.Join(folder, name))
		if err == nil && len(matches) > 0 {
			return matches[len(matches)-1], nil // the newest version sorts last
		}
	}
	return "", fmt.Errorf("%s is not installed: apt-get install postgresql redis-server (or set TEST_POSTGRES_URL and TEST_REDIS_URL)", name)
}
