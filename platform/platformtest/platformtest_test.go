package platformtest_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/platformtest"
)

func TestRedisDatabasesArePrivate(t *testing.T) {
	t.Parallel()
	open := func() *redis.Client {
		options, err := redis.ParseURL(platformtest.RedisURL(t))
		if err != nil {
			t.Fatal(err)
		}
		c := redis.NewClient(options)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	a, b := open(), open()
	if err := a.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := b.DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("another test's key is seen: %d, %v", n, err)
	}
}

func TestFakeClock(t *testing.T) {
	t.Parallel()
	c := platformtest.NewFakeClock(time.Date(2026, 1, 1, 1, 0, 0, 1999, time.FixedZone("x", 3600)))
	want := time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC)
	if got := c.Now(); got != want {
		t.Errorf("now %v, want %v", got, want)
	}
	c.Advance(time.Minute)
	if got := c.Now().Sub(want); got != time.Minute {
		t.Errorf("advanced by %s", got)
	}
	c.Set(want)
	if got := c.Now(); got != want {
		t.Errorf("set to %v", got)
	}
}

// failing records whether a helper failed the test, instead of failing it.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Errorf(string, ...any) { f.failed = true }
func (f *failing) Fatalf(string, ...any) {
	f.failed = true
	panic(f)
}

func fails(t *testing.T, fn func(t testing.TB)) bool {
	f := &failing{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(f) {
				panic(p)
			}
		}()
		fn(f)
	}()
	return f.failed
}

func TestGolden(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "answer.golden")
	if os.Getenv("UPDATE_GOLDEN") == "1" {
		t.Log("this run writes golden files")
		return
	}
	if !fails(t, func(t testing.TB) { platformtest.Golden(t, path, []byte("a")) }) {
		t.Error("a missing file is accepted")
	}
	if err := os.WriteFile(path, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if fails(t, func(t testing.TB) { platformtest.Golden(t, path, []byte("a\n")) }) {
		t.Error("the same bytes are refused")
	}
	if !fails(t, func(t testing.TB) { platformtest.Golden(t, path, []byte("a")) }) {
		t.Error("a missing line break is not noticed")
	}
}

func TestEventually(t *testing.T) {
	t.Parallel()
	n := 0
	if fails(t, func(t testing.TB) {
		platformtest.Eventually(t, time.Minute, "three", func() bool { n++; return n == 3 })
	}) {
		t.Error("it came and was not seen")
	}
	if !fails(t, func(t testing.TB) {
		platformtest.Eventually(t, 20*time.Millisecond, "never", func() bool { return false })
	}) {
		t.Error("it never came and nobody complains")
	}
}
