package cache_test

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/cache/cachetest"
	"github.com/authy2/backend/platform/secret"
)

// syncBuffer is a log that may be written and read at the same time.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// TestOutageIsLoggedOnce tells operators of an outage and its end, not of every call.
func TestOutageIsLoggedOnce(t *testing.T) {
	t.Parallel()
	server := cachetest.StartRedis(t)
	var out syncBuffer
	client, err := cache.OpenRedis(cache.Settings{
		URL: secret.New(server.URL()), Log: slog.New(slog.NewTextHandler(&out, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	s := cache.NewRedisSliding(client)
	wantAnswer(t, s)
	server.Kill()
	for end := time.Now().Add(600 * time.Millisecond); time.Now().Before(end); {
		answers(t, s)
	}
	server.Restart()
	cachetest.Eventually(t, 2*time.Second, "use of the server that is back", func() bool { return answers(t, s) })
	if got := out.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "out of reach") || !strings.Contains(got, "is back") {
		t.Errorf("the log says:\n%s", got)
	}
}
