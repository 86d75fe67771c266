package harness

import (
	"maps"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/service"
)

// Background is a process of the binary that runs beside the servers and answers nobody,
// such as a worker.
type Background struct {
	// Log is everything it wrote.
	Log *Log

	proc *service.Process
}

// Background starts a command of the binary in the deployment. It is stopped at the end
// of the test, and its log is held to what the servers' are.
func (sys *System) Background(t testing.TB, env map[string]string, args ...string) *Background {
	t.Helper()
	all := sys.Environment()
	maps.Copy(all, env)
	b := &Background{Log: &Log{}}
	cmd := Command(t, t.TempDir(), all, args...)
	cmd.Stdout, cmd.Stderr = b.Log, b.Log
	proc, err := service.Spawn(cmd)
	if err != nil {
		t.Fatal(err)
	}
	b.proc = proc
	t.Cleanup(func() {
		proc.Stop(syscall.SIGTERM, 15*time.Second)
		sys.inspect(t, strings.Join(args, " "), b.Log)
	})
	return b
}

// Kill is kill -9.
func (b *Background) Kill() { b.proc.Kill() }

// Exited reports whether the process has ended.
func (b *Background) Exited() bool { return b.proc.Exited() }

// Terminate sends SIGTERM and returns the exit code and how long it took to end.
func (b *Background) Terminate(t testing.TB) (code int, took time.Duration) {
	t.Helper()
	begin := time.Now()
	b.proc.Signal(syscall.SIGTERM)
	select {
	case <-b.proc.Done():
	case <-time.After(30 * time.Second):
		t.Fatalf("the process does not end after SIGTERM:\n%s", b.Log.Tail(20))
	}
	return b.proc.ExitCode(), time.Since(begin)
}
