package ratelimit_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache/cachetest"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/ratelimit"
)

var policy = ratelimit.Policy{Free: 3, Base: time.Second, Max: 10 * time.Second, Forget: time.Minute}

// growings runs fn on both kinds, with a clock that the test moves.
func growings(t *testing.T, fn func(t *testing.T, g ratelimit.Growing, c *platformtest.FakeClock)) {
	t.Helper()
	for _, kind := range []string{"memory", "redis"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := platformtest.NewFakeClock(time.Now().Truncate(time.Millisecond))
			s := ratelimit.Settings{}
			if kind == "redis" {
				s.Redis = open(t, platformtest.RedisURL(t))
			}
			fn(t, ratelimit.NewGrowing(s, c), c)
		})
	}
}

func reserve(tb testing.TB, g ratelimit.Growing, bucket string, want time.Duration) {
	tb.Helper()
	if got, err := g.Reserve(tb.Context(), bucket, policy); err != nil || got != want {
		tb.Fatalf("wait is %s, %v; want %s", got, err, want)
	}
}

func TestDelaysGrow(t *testing.T) {
	t.Parallel()
	growings(t, func(t *testing.T, g ratelimit.Growing, c *platformtest.FakeClock) {
		for range policy.Free {
			reserve(t, g, "b", 0)
		}
		for _, want := range []time.Duration{1, 2, 4, 8, 10, 10, 10} {
			want *= time.Second
			reserve(t, g, "b", want)
			reserve(t, g, "b", want) // refused attempts count nothing
			c.Advance(want - time.Millisecond)
			reserve(t, g, "b", time.Millisecond)
			c.Advance(time.Millisecond)
			reserve(t, g, "b", 0)
		}
		reserve(t, g, "other", 0)
		reserve(t, g, "b", 10*time.Second)
		c.Advance(policy.Forget)
		for range policy.Free {
			reserve(t, g, "b", 0)
		}
		reserve(t, g, "b", time.Second)
	})
}

func TestSucceedForgets(t *testing.T) {
	t.Parallel()
	growings(t, func(t *testing.T, g ratelimit.Growing, _ *platformtest.FakeClock) {
		for range 3 {
			for range policy.Free {
				reserve(t, g, "b", 0)
			}
			reserve(t, g, "b", time.Second)
			if err := g.Succeed(t.Context(), "b"); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Succeed(t.Context(), "nothing"); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReleaseGivesBack(t *testing.T) {
	t.Parallel()
	growings(t, func(t *testing.T, g ratelimit.Growing, c *platformtest.FakeClock) {
		release := func() {
			t.Helper()
			if err := g.Release(t.Context(), "b"); err != nil {
				t.Fatal(err)
			}
		}
		release() // of nothing
		for range 10 {
			reserve(t, g, "b", 0)
			release()
		}
		for range policy.Free {
			reserve(t, g, "b", 0)
			c.Advance(100 * time.Millisecond)
		}
		c.Advance(900 * time.Millisecond)
		reserve(t, g, "b", 0) // a second after the last
		reserve(t, g, "b", 2*time.Second)
		release()
		reserve(t, g, "b", 0) // as if it had not been
		reserve(t, g, "b", 2*time.Second)
	})
}

// TestExactlyTheFreeAttemptsPass reserves in parallel, on Redis from two processes.
func TestExactlyTheFreeAttemptsPass(t *testing.T) {
	t.Parallel()
	url := platformtest.RedisURL(t)
	c := platformtest.NewFakeClock(time.Now())
	memory := ratelimit.NewGrowing(ratelimit.Settings{}, c)
	for name, gs := range map[string][]ratelimit.Growing{
		"memory": {memory},
		"redis": {
			ratelimit.NewGrowing(ratelimit.Settings{Redis: open(t, url)}, c),
			ratelimit.NewGrowing(ratelimit.Settings{Redis: open(t, url)}, c),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for round := range 50 {
				var passed atomic.Int64
				together(64, func(i int) {
					wait, err := gs[i%len(gs)].Reserve(context.Background(), fmt.Sprint(round), policy)
					if err != nil {
						t.Error(err)
					}
					if wait == 0 {
						passed.Add(1)
					}
				})
				if n := passed.Load(); n != int64(policy.Free) {
					t.Fatalf("round %d: %d attempts passed, want %d", round, n, policy.Free)
				}
			}
		})
	}
}

// TestGrowingFallsBack keeps slowing down while Redis is away, and shares again after.
func TestGrowingFallsBack(t *testing.T) {
	t.Parallel()
	server := cachetest.StartRedis(t)
	c := platformtest.NewFakeClock(time.Now().Truncate(time.Millisecond))
	a := ratelimit.NewGrowing(ratelimit.Settings{Redis: openWith(t, server.URL(), 0)}, c)
	b := ratelimit.NewGrowing(ratelimit.Settings{Redis: openWith(t, server.URL(), 0)}, c)
	reserve(t, a, "b", 0)
	server.Freeze()
	for range policy.Free {
		reserve(t, a, "b", 0)
	}
	reserve(t, a, "b", time.Second)
	if err := a.Release(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	reserve(t, a, "b", 0)
	if err := a.Succeed(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	reserve(t, a, "b", 0)
	server.Thaw()
	round := 0
	platformtest.Eventually(t, 3*time.Second, "counting together", func() bool {
		round++
		bucket := fmt.Sprint("after", round)
		passed := 0
		for i := range 4 * policy.Free {
			if wait, _ := []ratelimit.Growing{a, b}[i%2].Reserve(t.Context(), bucket, policy); wait == 0 {
				passed++
			}
		}
		return passed == policy.Free
	})
}

// TestMemoryGrowingForgets does not hold what is over.
func TestMemoryGrowingForgets(t *testing.T) {
	t.Parallel()
	c := platformtest.NewFakeClock(time.Now())
	g := ratelimit.NewMemoryGrowing(c)
	const each = 20_000
	for round := range 5 {
		for i := range each {
			reserve(t, g, fmt.Sprint(round, "-", i), 0)
		}
		c.Advance(time.Hour)
	}
	if n := g.Len(); n > each*3/2 {
		t.Errorf("%d buckets are held", n)
	}
}

// TestOddPolicies must not overflow, wait for ever or open anything.
func TestOddPolicies(t *testing.T) {
	t.Parallel()
	growings(t, func(t *testing.T, g ratelimit.Growing, c *platformtest.FakeClock) {
		p := ratelimit.Policy{Free: 0, Base: time.Hour, Max: 100 * time.Hour, Forget: time.Second}
		if wait, _ := g.Reserve(t.Context(), "b", p); wait != time.Hour && wait != 0 {
			t.Errorf("the first attempt waits %s", wait)
		}
		for range 100 {
			wait, err := g.Reserve(t.Context(), "b", p)
			if err != nil || wait < 0 || wait > p.Max {
				t.Fatalf("wait is %s, %v", wait, err)
			}
			c.Advance(wait)
		}
	})
}
