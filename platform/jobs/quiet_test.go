package jobs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/platformtest"
)

// lines is a log that a test reads while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) all() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Split(bytes.TrimSpace(bytes.Clone(l.b.Bytes())), []byte("\n"))
}

// TestLogIsJSON: River names times beyond the year 9999, for which slog writes no JSON.
func TestLogIsJSON(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	var log lines
	b.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	working(t, b, jobs.Settings{}, nil, nil)
	platformtest.Eventually(t, 10*time.Second, "River to say when it will reindex", func() bool {
		for _, line := range log.all() {
			if bytes.Contains(line, []byte("next_run_at")) {
				return true
			}
		}
		return false
	})
	for _, line := range log.all() {
		if !json.Valid(line) {
			t.Errorf("%s", line)
		}
	}
}

// TestInterruptionsAreNoFaults: a stop interrupts what River is at, which is no error.
func TestInterruptionsAreNoFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		level  slog.Level
		attr   slog.Attr
		logged bool
	}{
		"news":                     {slog.LevelInfo, slog.String("queue", "default"), false},
		"a warning":                {slog.LevelWarn, slog.String("queue", "default"), true},
		"a fault":                  {slog.LevelError, slog.String("err", "connection refused"), true},
		"an interruption as text":  {slog.LevelError, slog.String("err", "context canceled"), false},
		"an interruption inside":   {slog.LevelError, slog.String("err", "timeout: context already done: context canceled"), false},
		"an interruption as error": {slog.LevelError, slog.Any("error", fmt.Errorf("notify: %w", context.Canceled)), false},
		"an own hang-up":           {slog.LevelError, slog.String("err", "conn closed"), false},
		"a time-out":               {slog.LevelError, slog.Any("err", context.DeadlineExceeded), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			slog.New(jobs.Quiet(slog.NewJSONHandler(&log, nil))).LogAttrs(t.Context(), tc.level, "it happened", tc.attr)
			if logged := log.Len() > 0; logged != tc.logged {
				t.Errorf("logged: %v, %s", logged, log.String())
			}
		})
	}
}
