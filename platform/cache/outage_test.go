package cache_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/cache/cachetest"
)

// TestFrozenRedis shows that a server that hangs costs a few time-outs and no more, and
// that it is used again soon after it is back.
func TestFrozenRedis(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"", "secret"} {
		t.Run("password "+password, func(t *testing.T) {
			t.Parallel()
			url, server := guarded(t, password)
			s := cache.NewRedisSliding(open(t, url))
			wantAnswer(t, s)
			server.Freeze()

			var took []time.Duration
			for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
				start := time.Now()
				_, _, err := s.Touch(t.Context(), "k", time.Now())
				if !errors.Is(err, cache.ErrUnavailable) {
					t.Fatalf("a frozen server answers %v", err)
				}
				took = append(took, time.Since(start))
			}
			slow := slices.DeleteFunc(slices.Clone(took), func(d time.Duration) bool { return d < 80*time.Millisecond })
			if worst := slices.Max(took); worst > time.Second {
				t.Errorf("a caller waited %s", worst)
			}
			if len(slow) > 12 {
				t.Errorf("%d of %d callers waited in 2 s", len(slow), len(took))
			}
			if len(took) < 1000 {
				t.Errorf("only %d callers were served in 2 s", len(took))
			}

			server.Thaw()
			cachetest.Eventually(t, 2*time.Second, "use of the server that is back", func() bool { return answers(t, s) })
		})
	}
}

func guarded(t *testing.T, password string) (string, *cachetest.Server) {
	t.Helper()
	if password == "" {
		server := cachetest.StartRedis(t)
		return server.URL(), server
	}
	server := cachetest.StartRedis(t, "--requirepass", password)
	return "redis://:" + password + "@" + server.Address() + "/3", server
}

// TestFrozenUnderLoad does the same with many callers at once: those under way when it
// froze wait once, and only one at a time tries again.
func TestFrozenUnderLoad(t *testing.T) {
	t.Parallel()
	server := cachetest.StartRedis(t)
	s := cache.NewRedisSliding(open(t, server.URL()))
	wantAnswer(t, s)
	server.Freeze()
	var mu sync.Mutex
	slow := 0
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			tick := time.NewTicker(5 * time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(time.Second); time.Now().Before(end); <-tick.C {
				start := time.Now()
				_, _, _ = s.Touch(t.Context(), "k", time.Now())
				if time.Since(start) > 80*time.Millisecond {
					mu.Lock()
					slow++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if slow > 32*3 {
		t.Errorf("%d waits by 32 callers", slow)
	}
	server.Thaw()
	cachetest.Eventually(t, 2*time.Second, "use of the server that is back", func() bool { return answers(t, s) })
}

// TestKilledRedis shows that a server that comes back empty is used again: its scripts
// are sent anew.
func TestKilledRedis(t *testing.T) {
	t.Parallel()
	server := cachetest.StartRedis(t)
	s := cache.NewRedisSliding(open(t, server.URL()))
	wantAnswer(t, s)
	server.Kill()
	for range 50 {
		start := time.Now()
		if answers(t, s) {
			t.Fatal("a dead server answers")
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("a caller waited %s", d)
		}
	}
	for _, err := range []error{
		s.Bury(t.Context(), []string{"k"}, "owner", time.Now(), time.Now().Add(time.Hour)),
		s.Forget(t.Context(), []string{"k"}),
		s.Unbury(t.Context(), []string{"k"}, "owner"),
		s.Put(t.Context(), "k", cache.Value{Cap: time.Now().Add(time.Hour)}),
	} {
		if !errors.Is(err, cache.ErrUnavailable) {
			t.Errorf("a dead server answers %v", err)
		}
	}
	server.Restart()
	cachetest.Eventually(t, 2*time.Second, "use of the server that is back", func() bool { return answers(t, s) })
	now := time.Now()
	if err := s.Bury(t.Context(), []string{"a", "b"}, "owner", now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := s.Unbury(t.Context(), []string{"a", "b"}, "owner"); err != nil {
		t.Fatal(err)
	}
	if _, state, err := s.Touch(t.Context(), "a", now); err != nil || state != cache.Missing {
		t.Fatalf("unbury with a script the server did not know: %d, %v", state, err)
	}
}

// TestFlushedRedis shows that a flush is a miss and nothing else.
func TestFlushedRedis(t *testing.T) {
	t.Parallel()
	client := open(t, cachetest.StartRedis(t).URL())
	s := cache.NewRedisSliding(client)
	now := time.Now()
	v := cache.Value{Idle: time.Minute, Cap: now.Add(time.Hour), Deadline: now.Add(time.Minute), Payload: []byte("p")}
	if err := s.Put(t.Context(), "k", v); err != nil {
		t.Fatal(err)
	}
	token, _, err := s.Lease(t.Context(), "l", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	client.FlushAll(t.Context())
	client.ScriptFlush(t.Context())
	if _, state, err := s.Touch(t.Context(), "k", now); err != nil || state != cache.Missing {
		t.Fatalf("touch: %d, %v", state, err)
	}
	if ok, err := s.Fill(t.Context(), "l", token, v); err != nil || ok {
		t.Fatalf("fill of a flushed lease: %t, %v", ok, err)
	}
}

// TestTroubledRedis shows that what a server refuses is trouble of the cache as well:
// its callers go to the database.
func TestTroubledRedis(t *testing.T) {
	t.Parallel()
	server := cachetest.StartRedis(t, "--requirepass", "secret")
	for name, url := range map[string]string{
		"wrong password": "redis://:wrong@" + server.Address() + "/0",
		"no password":    server.URL(),
		"nobody there":   "redis://127.0.0.1:1/0",
	} {
		s := cache.NewRedisSliding(open(t, url))
		if _, _, err := s.Touch(t.Context(), "k", time.Now()); !errors.Is(err, cache.ErrUnavailable) {
			t.Errorf("%s: touch says %v", name, err)
		}
		store := cache.NewRedisStore(open(t, url))
		if _, _, err := store.Get(t.Context(), "k"); !errors.Is(err, cache.ErrUnavailable) {
			t.Errorf("%s: get says %v", name, err)
		}
		if err := store.Set(t.Context(), "k", nil, time.Minute); !errors.Is(err, cache.ErrUnavailable) {
			t.Errorf("%s: set says %v", name, err)
		}
	}
}

func answers(t *testing.T, s cache.Sliding) bool {
	t.Helper()
	_, _, err := s.Touch(t.Context(), "k", time.Now())
	return err == nil
}

func wantAnswer(t *testing.T, s cache.Sliding) {
	t.Helper()
	if _, _, err := s.Touch(t.Context(), "k", time.Now()); err != nil {
		t.Fatal(err)
	}
}
