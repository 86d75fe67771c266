package telemetry_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/authy2/backend/platform/secret"
	"github.com/authy2/backend/platform/telemetry"
)

// lockedBuffer is a buffer that the flushing goroutine and the test may share.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestLog(t *testing.T) {
	t.Parallel()

	t.Run("an error takes the lines before it along at once", func(t *testing.T) {
		t.Parallel()
		var out lockedBuffer
		log, err := telemetry.NewLog(&out, telemetry.JSON, slog.LevelInfo)
		if err != nil {
			t.Fatal(err)
		}
		log.Info("first")
		log.Error("second", "password", secret.New("hunter2"))
		got := out.String()
		if !strings.Contains(got, "first") || !strings.Contains(got, "second") {
			t.Errorf("written through = %q, want both lines", got)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("the log shows a secret: %q", got)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	})

	t.Run("close writes what is buffered and may be called twice", func(t *testing.T) {
		t.Parallel()
		var out lockedBuffer
		log, err := telemetry.NewLog(&out, telemetry.Text, slog.LevelInfo)
		if err != nil {
			t.Fatal(err)
		}
		log.With("module", "x").WithGroup("g").Info("kept", "k", 1)
		log.Debug("dropped")
		for range 2 {
			if err := log.Close(); err != nil {
				t.Fatal(err)
			}
		}
		got := out.String()
		if !strings.Contains(got, "module=x g.k=1") || strings.Contains(got, "dropped") {
			t.Errorf("log = %q", got)
		}
	})

	t.Run("an unknown format is refused", func(t *testing.T) {
		t.Parallel()
		if _, err := telemetry.NewLog(&bytes.Buffer{}, "xml", slog.LevelInfo); err == nil {
			t.Error("format xml was accepted")
		}
	})
}

func TestMetricsHandler(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		token, header string
		want          int
	}{
		"open without a token":       {"", "", http.StatusOK},
		"right token":                {"s3cret", "Bearer s3cret", http.StatusOK},
		"scheme in another case":     {"s3cret", "bearer s3cret", http.StatusOK},
		"no token sent":              {"s3cret", "", http.StatusUnauthorized},
		"wrong token":                {"s3cret", "Bearer other", http.StatusUnauthorized},
		"token under another scheme": {"s3cret", "Basic s3cret", http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := telemetry.MetricsHandler(telemetry.NewRegistry(), secret.New(tc.token))
			req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			if tc.header != "" {
				req.Header.Set("Authorization", tc.header)
			}
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, req)
			if rec.Code != tc.want {
				t.Errorf("status = %d, want %d", rec.Code, tc.want)
			}
			if tc.want == http.StatusOK && !strings.Contains(rec.Body.String(), "go_goroutines") {
				t.Error("the runtime's metrics are missing")
			}
		})
	}
}
