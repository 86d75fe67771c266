package cachetest

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache"
)

// ExerciseStore runs every rule of [cache.Store] against fresh stores.
func ExerciseStore(t *testing.T, fresh func(t *testing.T) cache.Store) {
	t.Helper()
	for _, rule := range []struct {
		name  string
		check func(t *testing.T, s cache.Store)
	}{
		{"set, get, delete", setGetDelete},
		{"a value runs out", valueRunsOut},
		{"one of many callers sets", oneSets},
		{"delete if equal", deleteIfEqual},
		{"no life is refused", noLife},
	} {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			rule.check(t, fresh(t))
		})
	}
}

func setGetDelete(t *testing.T, s cache.Store) {
	wantValue(t, s, "k", "")
	set(t, s, "k", "1", time.Minute)
	set(t, s, "l", "2", time.Minute)
	set(t, s, "k", "3", time.Minute)
	wantValue(t, s, "k", "3")
	if err := s.Delete(t.Context(), "k", "l", "nothing"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantValue(t, s, "k", "")
	wantValue(t, s, "l", "")
}

func valueRunsOut(t *testing.T, s cache.Store) {
	set(t, s, "k", "1", 20*time.Millisecond)
	Eventually(t, 2*time.Second, "end of the value", func() bool {
		_, ok, err := s.Get(t.Context(), "k")
		return err == nil && !ok
	})
	if ok, err := s.SetIfAbsent(t.Context(), "k", []byte("2"), time.Minute); err != nil || !ok {
		t.Fatalf("got %t, %v", ok, err)
	}
	wantValue(t, s, "k", "2")
}

func oneSets(t *testing.T, s cache.Store) {
	var won atomic.Int64
	together(64, func() {
		if ok, err := s.SetIfAbsent(t.Context(), "k", []byte("1"), time.Minute); err != nil {
			t.Error(err)
		} else if ok {
			won.Add(1)
		}
	})
	if won.Load() != 1 {
		t.Fatalf("%d callers set the key", won.Load())
	}
}

func deleteIfEqual(t *testing.T, s cache.Store) {
	set(t, s, "k", "1", time.Minute)
	for _, c := range []struct {
		value string
		want  bool
	}{{"2", false}, {"", false}, {"1", true}, {"1", false}} {
		if ok, err := s.DeleteIfEqual(t.Context(), "k", []byte(c.value)); err != nil || ok != c.want {
			t.Fatalf("delete if %q: %t, %v", c.value, ok, err)
		}
	}
	wantValue(t, s, "k", "")
}

func noLife(t *testing.T, s cache.Store) {
	if err := s.Set(t.Context(), "k", []byte("1"), 0); err == nil {
		t.Fatal("a value without a life was taken")
	}
	if _, err := s.SetIfAbsent(t.Context(), "k", []byte("1"), -time.Second); err == nil {
		t.Fatal("a value without a life was taken")
	}
}

func set(tb testing.TB, s cache.Store, key, v string, ttl time.Duration) {
	tb.Helper()
	if err := s.Set(tb.Context(), key, []byte(v), ttl); err != nil {
		tb.Fatal(err)
	}
}

// wantValue compares what key holds; "" means nothing.
func wantValue(tb testing.TB, s cache.Store, key, want string) {
	tb.Helper()
	b, ok, err := s.Get(tb.Context(), key)
	if err != nil || ok != (want != "") || string(b) != want {
		tb.Fatalf("get %s: %q, %t, %v; want %q", key, b, ok, err, want)
	}
}
