package cache_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/cache/cachetest"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/secret"
)

// open returns a client with the time-outs of production, for tests of outages.
func open(tb testing.TB, url string) redis.UniversalClient {
	tb.Helper()
	return openWith(tb, url, 0)
}

// patient is enough for a server on a busy machine, in tests of everything else.
const patient = 10 * time.Second

func openWith(tb testing.TB, url string, patience time.Duration) redis.UniversalClient {
	tb.Helper()
	c, err := cache.OpenRedis(cache.Settings{URL: secret.New(url), Patience: patience})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

// databases gives every test a database of its own on one server.
func databases(tb testing.TB) func(tb testing.TB) redis.UniversalClient {
	tb.Helper()
	server := cachetest.StartRedis(tb)
	var next atomic.Int64
	return func(tb testing.TB) redis.UniversalClient {
		tb.Helper()
		return openWith(tb, fmt.Sprintf("redis://%s/%d", server.Address(), next.Add(1)), patient)
	}
}

func TestMemorySliding(t *testing.T) {
	t.Parallel()
	cachetest.ExerciseSliding(t, func(*testing.T) cache.Sliding { return cache.NewMemorySliding(clock.System{}) })
}

func TestRedisSliding(t *testing.T) {
	t.Parallel()
	fresh := databases(t)
	cachetest.ExerciseSliding(t, func(t *testing.T) cache.Sliding { return cache.NewRedisSliding(fresh(t)) })
}

func TestMemoryStore(t *testing.T) {
	t.Parallel()
	cachetest.ExerciseStore(t, func(*testing.T) cache.Store { return cache.NewMemoryStore(clock.System{}) })
}

func TestRedisStore(t *testing.T) {
	t.Parallel()
	fresh := databases(t)
	cachetest.ExerciseStore(t, func(t *testing.T) cache.Store { return cache.NewRedisStore(fresh(t)) })
}

func TestOnlyRedisIsShared(t *testing.T) {
	t.Parallel()
	if cache.NewMemorySliding(clock.System{}).Shared() {
		t.Error("a memory cache says that others see it")
	}
	if !cache.NewRedisSliding(open(t, "redis://127.0.0.1:1")).Shared() {
		t.Error("Redis says that others do not see it")
	}
}

// TestOtherLayouts shows what a release does with the values of the next one: it reads
// the row and leaves the value alone, and a tombstone or lease means the same to both.
func TestOtherLayouts(t *testing.T) {
	t.Parallel()
	client := databases(t)(t)
	s := cache.NewRedisSliding(client)
	ctx := t.Context()
	client.Set(ctx, "k", "2 of the next release", time.Minute)
	if _, state, err := s.Touch(ctx, "k", time.Now()); err != nil || state != cache.Missing {
		t.Fatalf("touch: %d, %v", state, err)
	}
	if _, ok, err := s.Lease(ctx, "k", time.Minute); err != nil || ok {
		t.Fatalf("lease: %t, %v", ok, err)
	}
	if got := client.Get(ctx, "k").Val(); got != "2 of the next release" {
		t.Fatalf("the value is %q", got)
	}
	if err := s.Forget(ctx, []string{"k"}); err != nil || client.Exists(ctx, "k").Val() != 0 {
		t.Fatalf("forget left it: %v", err)
	}
}

// TestTombstoneWithoutOwner shows what a release does with the tombstones of one that
// named no owner: nobody removes them.
func TestTombstoneWithoutOwner(t *testing.T) {
	t.Parallel()
	client := databases(t)(t)
	s := cache.NewRedisSliding(client)
	ctx, now, keys := t.Context(), time.Now(), []string{"k"}
	client.Set(ctx, "k", "T", time.Minute)
	if err := s.Bury(ctx, keys, "owner", now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"owner", ""} {
		if err := s.Unbury(ctx, keys, owner); err != nil {
			t.Fatal(err)
		}
	}
	if got := client.Get(ctx, "k").Val(); got != "T" {
		t.Fatalf("the tombstone is %q", got)
	}
	if left := client.PTTL(ctx, "k").Val(); left < 59*time.Minute {
		t.Errorf("it stands for %s", left)
	}
}

// TestTombstoneLife shows that burying again never shortens a tombstone's life in Redis.
func TestTombstoneLife(t *testing.T) {
	t.Parallel()
	client := databases(t)(t)
	s := cache.NewRedisSliding(client)
	ctx, now := t.Context(), time.Now()
	for _, c := range []struct{ before, after string }{{"a", "a"}, {"a", "b"}, {"", "b"}, {"a", ""}, {"", ""}} {
		for _, lives := range [][2]time.Duration{{time.Hour, time.Minute}, {time.Minute, time.Hour}} {
			key := c.before + "/" + c.after + "/" + lives[0].String()
			for i, owner := range []string{c.before, c.after} {
				if err := s.Bury(ctx, []string{key}, owner, now, now.Add(lives[i])); err != nil {
					t.Fatal(err)
				}
			}
			if left := client.PTTL(ctx, key).Val(); left < 59*time.Minute || left > time.Hour {
				t.Errorf("%s stands for %s", key, left)
			}
		}
	}
}

// TestNoExpiry shows that a value whose expiry was lost is not trusted.
func TestNoExpiry(t *testing.T) {
	t.Parallel()
	client := databases(t)(t)
	s := cache.NewRedisSliding(client)
	now := time.Now()
	v := cache.Value{Idle: time.Minute, Cap: now.Add(time.Hour), Deadline: now.Add(time.Minute), Payload: []byte("p")}
	if err := s.Put(t.Context(), "k", v); err != nil {
		t.Fatal(err)
	}
	client.Persist(t.Context(), "k")
	if _, state, err := s.Touch(t.Context(), "k", now); err != nil || state != cache.Missing {
		t.Fatalf("touch: %d, %v", state, err)
	}
}

// TestFootprint keeps a session of the usual size under 700 bytes of Redis.
func TestFootprint(t *testing.T) {
	t.Parallel()
	client := databases(t)(t)
	s := cache.NewRedisSliding(client)
	now := time.Now()
	key := "0123456789abcdef:" + string(make([]byte, 32))
	v := cache.Value{Idle: time.Minute, Cap: now.Add(time.Hour), Deadline: now.Add(time.Minute), Payload: make([]byte, 470)}
	if err := s.Put(t.Context(), key, v); err != nil {
		t.Fatal(err)
	}
	if n := client.MemoryUsage(t.Context(), key).Val(); n == 0 || n > 700 {
		t.Errorf("a session of 470 bytes takes %d", n)
	}
}
