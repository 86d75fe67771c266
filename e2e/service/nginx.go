package service

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Nginx is a running nginx.
type Nginx struct {
	proc *Process
	log  string
}

// NewNginx starts nginx with a configuration as a user, in a folder that this user may
// write to, and waits until it answers at addr. What it writes is in the file log of that
// folder.
func NewNginx(tools Tools, dir, conf string, as *syscall.Credential, addr string) (*Nginx, error) {
	n := &Nginx{log: filepath.Join(dir, "log")}
	out, err := os.OpenFile(n.log, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("service: nginx log: %w", err)
	}
	defer out.Close()
	if as != nil { // /dev/stdout is opened anew, by that user
		if err := out.Chown(int(as.Uid), int(as.Gid)); err != nil {
			return nil, fmt.Errorf("service: nginx log: %w", err)
		}
	}
	cmd := exec.Command(tools.Nginx, "-e", "stderr", "-p", dir, "-c", conf, "-g", "daemon off;")
	cmd.Dir = dir
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if n.proc, err = Spawn(cmd); err != nil {
		return nil, err
	}
	deadline := time.Now().Add(20 * time.Second)
	for {
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			_ = c.Close()
			return n, nil
		}
		if n.proc.Exited() {
			return nil, fmt.Errorf("service: nginx ended while starting:\n%s", n.Log())
		}
		if time.Now().After(deadline) {
			n.proc.Kill()
			return nil, errors.New("service: nginx does not answer")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Log is everything it wrote.
func (n *Nginx) Log() string {
	raw, err := os.ReadFile(n.log)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// PIDs are its processes.
func (n *Nginx) PIDs() []int { return Tree(n.proc.PID()) }

// Quit asks it to finish its requests and end, as its image has Docker do, and returns its
// exit code.
func (n *Nginx) Quit() int {
	n.proc.Stop(syscall.SIGQUIT, 15*time.Second)
	return n.proc.ExitCode()
}
