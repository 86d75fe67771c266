package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/authy2/backend/e2e/service"
)

// shared is what one test process starts once.
type shared struct {
	binary   func() (string, error)
	tools    func() (service.Tools, error)
	postgres func() (*service.Postgres, error)

	mu    sync.Mutex
	close []func()
}

var common = newShared() //nolint:gochecknoglobals // one per test process, as testing.M is

func newShared() *shared {
	s := &shared{tools: sync.OnceValues(service.FindTools)}
	s.binary = sync.OnceValues(func() (string, error) { return findBinary(s.atEnd) })
	s.postgres = sync.OnceValues(func() (*service.Postgres, error) {
		tools, err := s.tools()
		if err != nil {
			return nil, err
		}
		pg, err := service.NewPostgres(tools, "max_connections=600")
		if err != nil {
			return nil, err
		}
		s.atEnd(pg.Close)
		return pg, nil
	})
	return s
}

func (s *shared) atEnd(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close = append(s.close, f)
}

// Main runs the tests of a package and then stops what they shared.
func Main(m *testing.M) int {
	defer func() {
		for _, f := range common.close {
			f()
		}
	}()
	return m.Run()
}

// findBinary returns AUTHY2_BINARY, which make test sets, or builds the binary.
func findBinary(atEnd func(func())) (string, error) {
	if path := os.Getenv("AUTHY2_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "authy2-bin-")
	if err != nil {
		return "", fmt.Errorf("harness: %w", err)
	}
	atEnd(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "authy2")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/authy2")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("harness: build authy2: %w\n%s", err, out)
	}
	return path, nil
}

// Root is the folder of the workspace.
func Root() (string, error) {
	out, err := exec.Command("go", "env", "GOWORK").Output()
	if err != nil {
		return "", fmt.Errorf("harness: go env: %w", err)
	}
	work := strings.TrimSpace(string(bytes.TrimSpace(out)))
	if work == "" || work == "off" {
		return "", fmt.Errorf("harness: no go.work above this folder")
	}
	return filepath.Dir(work), nil
}

// Binary is the path of the binary under test.
func Binary(t testing.TB) string {
	t.Helper()
	path, err := common.binary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Tools are the programs of the services.
func Tools(t testing.TB) service.Tools {
	t.Helper()
	found, err := common.tools()
	if err != nil {
		t.Fatal(err)
	}
	return found
}
