package cachetest

import (
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache"
)

func wantState(tb testing.TB, s cache.Sliding, key string, now time.Time, want cache.State) cache.Value {
	tb.Helper()
	v, got, err := s.Touch(tb.Context(), key, now)
	if err != nil || got != want {
		tb.Fatalf("touch %s: state %d, %v; want state %d", key, got, err, want)
	}
	return v
}

// wantNear allows the millisecond by which a server's two readings of its clock differ.
func wantNear(tb testing.TB, got, want time.Time) {
	tb.Helper()
	if d := got.Sub(want).Abs(); d > 5*time.Millisecond {
		tb.Fatalf("deadline is %s, want %s", got, want)
	}
}

func put(tb testing.TB, s cache.Sliding, key string, v cache.Value) {
	tb.Helper()
	if err := s.Put(tb.Context(), key, v); err != nil {
		tb.Fatal(err)
	}
}

func lease(tb testing.TB, s cache.Sliding, key string, ttl time.Duration) string {
	tb.Helper()
	token, ok, err := s.Lease(tb.Context(), key, ttl)
	if err != nil || !ok || token == "" {
		tb.Fatalf("lease %s: %q, %t, %v", key, token, ok, err)
	}
	return token
}

func wantNoLease(tb testing.TB, s cache.Sliding, key string) {
	tb.Helper()
	if _, ok, err := s.Lease(tb.Context(), key, time.Minute); err != nil || ok {
		tb.Fatalf("lease %s: %t, %v; want none", key, ok, err)
	}
}

func fill(tb testing.TB, s cache.Sliding, key, token string, v cache.Value, want bool) {
	tb.Helper()
	if ok, err := s.Fill(tb.Context(), key, token, v); err != nil || ok != want {
		tb.Fatalf("fill %s: %t, %v; want %t", key, ok, err, want)
	}
}

func replace(tb testing.TB, s cache.Sliding, key, old string, v cache.Value, want bool) {
	tb.Helper()
	if ok, err := s.Replace(tb.Context(), key, []byte(old), v); err != nil || ok != want {
		tb.Fatalf("replace %s: %t, %v; want %t", key, ok, err, want)
	}
}

// bury writes tombstones that stand for an hour.
func bury(tb testing.TB, s cache.Sliding, owner string, now time.Time, keys ...string) {
	tb.Helper()
	if err := s.Bury(tb.Context(), keys, owner, now, now.Add(time.Hour)); err != nil {
		tb.Error(err)
	}
}

func unbury(tb testing.TB, s cache.Sliding, owner string, keys ...string) {
	tb.Helper()
	if err := s.Unbury(tb.Context(), keys, owner); err != nil {
		tb.Error(err)
	}
}

func forget(tb testing.TB, s cache.Sliding, keys ...string) {
	tb.Helper()
	if err := s.Forget(tb.Context(), keys); err != nil {
		tb.Fatal(err)
	}
}
