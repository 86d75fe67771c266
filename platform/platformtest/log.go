package platformtest

import (
	"log/slog"
	"sync"
	"testing"
)

// Log returns a logger that writes warnings and worse to the test's output, and nothing
// once the test is over.
func Log(t testing.TB) *slog.Logger {
	t.Helper()
	w := &testOutput{t: t}
	t.Cleanup(w.close)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// testOutput writes to a test until that ends. Background work may outlive it.
type testOutput struct {
	mu sync.Mutex
	t  testing.TB
}

// Write logs p as a line of the test.
func (w *testOutput) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t != nil {
		return w.t.Output().Write(p)
	}
	return len(p), nil
}

func (w *testOutput) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.t = nil
}
