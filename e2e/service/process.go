package service

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a child process that is watched, so that its end is known at once.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
	once sync.Once
}

// Spawn starts cmd in a process group of its own and watches it. It does not outlive
// this program.
func Spawn(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr = leash(cmd.SysProcAttr)
	// Its own process group: Ctrl-C reaches the program that started it, which then
	// stops it in order.
	cmd.SysProcAttr.Setpgid = true
	p := &Process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ends a leashed child with the thread that started it, so that
		// thread is kept until the child has ended.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("service: start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Exited reports whether the process has ended.
func (p *Process) Exited() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// ExitCode waits for the end and returns the exit code; -1 after a signal.
func (p *Process) ExitCode() int {
	<-p.done
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return exit.ExitCode()
	}
	if p.err != nil {
		return -1
	}
	return 0
}

// Signal sends sig to the process alone. A process that has ended is left in peace.
func (p *Process) Signal(sig syscall.Signal) {
	if !p.Exited() {
		_ = p.cmd.Process.Signal(sig)
	}
}

// SignalTree sends sig to the process and then to all its descendants.
func (p *Process) SignalTree(sig syscall.Signal) {
	if p.Exited() {
		return
	}
	for _, pid := range Tree(p.PID()) {
		_ = syscall.Kill(pid, sig)
	}
}

// Stop asks the process to end with sig and kills it, its descendants with it, when it
// has not ended within grace.
func (p *Process) Stop(sig syscall.Signal, grace time.Duration) {
	p.once.Do(func() {
		p.SignalTree(syscall.SIGCONT)
		p.Signal(sig)
		select {
		case <-p.done:
		case <-time.After(grace):
			p.Kill()
		}
	})
}

// Kill ends the process and its descendants without asking, and waits for it.
func (p *Process) Kill() {
	p.SignalTree(syscall.SIGKILL)
	<-p.done
}

// Tree returns pid and the ids of its living descendants, parents first.
func Tree(pid int) []int {
	children := map[int][]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return []int{pid}
	}
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
		if len(fields) < 2 {
			continue
		}
		child, errChild := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, errParent := strconv.Atoi(fields[1])
		if errChild == nil && errParent == nil {
			children[parent] = append(children[parent], child)
		}
	}
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree
}
