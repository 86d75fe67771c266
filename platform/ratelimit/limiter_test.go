package ratelimit_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache/cachetest"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/ratelimit"
)

var limits = []ratelimit.Limit{
	{Name: "login", Default: "30-M", Doc: "sign-ins per address"},
	{Name: "contact", Default: "5-H", Doc: "enquiries per address"},
	{Name: "burst", Default: "3-S", Doc: "something quick"},
}

func newLimiter(tb testing.TB, s ratelimit.Settings) *ratelimit.Limiter {
	tb.Helper()
	s.Enabled = true
	l, err := ratelimit.NewLimiter(limits, nil, s)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// passes counts how many of n parallel calls the limiters let through.
func passes(tb testing.TB, n int, name, key string, ls ...*ratelimit.Limiter) int {
	tb.Helper()
	var passed atomic.Int64
	together(n, func(i int) {
		r, err := ls[i%len(ls)].Take(context.Background(), name, key)
		if err != nil {
			tb.Error(err)
		}
		if !r.Reached {
			passed.Add(1)
		}
	})
	return int(passed.Load())
}

func TestExactlyTheLimitPasses(t *testing.T) {
	t.Parallel()
	url := platformtest.RedisURL(t)
	for name, ls := range map[string][]*ratelimit.Limiter{
		"memory": {newLimiter(t, ratelimit.Settings{})},
		"redis":  {newLimiter(t, ratelimit.Settings{Redis: open(t, url), Prefix: "one"})},
		"two processes on one redis": {
			newLimiter(t, ratelimit.Settings{Redis: open(t, url), Prefix: "two"}),
			newLimiter(t, ratelimit.Settings{Redis: open(t, url), Prefix: "two"}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The first burst of all also loads the scripts.
			for round := range 20 {
				if n := passes(t, 120, "login", fmt.Sprint(round), ls...); n != 30 {
					t.Fatalf("round %d: %d of 120 passed, want 30", round, n)
				}
			}
			if n := passes(t, 4, "contact", "0", ls...); n != 4 {
				t.Errorf("%d of 4 calls of another limit passed", n)
			}
		})
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*ratelimit.Limiter{
		"memory": newLimiter(t, ratelimit.Settings{}),
		"redis":  newLimiter(t, ratelimit.Settings{Redis: open(t, platformtest.RedisURL(t))}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range 5 {
				r, err := l.Take(t.Context(), "contact", "k")
				if err != nil || r.Limit != 5 || r.Remaining != 4-i || r.Reached {
					t.Fatalf("call %d: %+v, %v", i, r, err)
				}
				if left := time.Until(r.Reset); left <= 59*time.Minute || left > time.Hour {
					t.Errorf("the window ends in %s", left)
				}
			}
			if r, _ := l.Take(t.Context(), "contact", "k"); !r.Reached || r.Remaining != 0 {
				t.Errorf("the sixth call: %+v", r)
			}
			if r, _ := l.Take(t.Context(), "contact", "other"); r.Reached {
				t.Error("another key is limited too")
			}
			var ends time.Time
			for range 4 {
				r, _ := l.Take(t.Context(), "burst", "k")
				ends = r.Reset
			}
			platformtest.Eventually(t, 3*time.Second, "the next window", func() bool {
				r, _ := l.Take(t.Context(), "burst", "k")
				if !r.Reached && time.Now().After(ends.Add(time.Second)) {
					t.Errorf("the window ended at %s, not %s", time.Now(), ends)
				}
				return !r.Reached
			})
		})
	}
}

func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	l, err := ratelimit.NewLimiter(limits, nil, ratelimit.Settings{Redis: open(t, "redis://127.0.0.1:1")})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if r, err := l.Take(t.Context(), "contact", "k"); err != nil || r != (ratelimit.Result{}) {
			t.Fatalf("%+v, %v", r, err)
		}
	}
}

func TestOverrides(t *testing.T) {
	t.Parallel()
	l, err := ratelimit.NewLimiter(limits, map[string]string{"contact": "2-D"}, ratelimit.Settings{Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := passes(t, 8, "contact", "k", l); n != 2 {
		t.Errorf("%d passed, want 2", n)
	}
	if _, err := l.Take(t.Context(), "nothing", "k"); err == nil {
		t.Error("an undeclared limit was counted")
	}
}

func TestBadLimitsAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, err := ratelimit.NewLimiter(
		append([]ratelimit.Limit{{Name: "login", Default: "1-S"}, {Name: "own", Default: "often"}}, limits...),
		map[string]string{"contact": "0-H", "burst": "-5-S", "missing": "1-S"},
		ratelimit.Settings{})
	if err == nil {
		t.Fatal("no complaint")
	}
	for _, want := range []string{"login is declared twice", `own: "often"`, `contact: "0-H"`, `burst: "-5-S"`, "no limit missing"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

// TestRedisAway counts in memory while Redis is frozen or gone, and together again
// when it is back, though it has forgotten the scripts.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	server := cachetest.StartRedis(t)
	a := newLimiter(t, ratelimit.Settings{Redis: openWith(t, server.URL(), 0)})
	b := newLimiter(t, ratelimit.Settings{Redis: openWith(t, server.URL(), 0)})
	if n := passes(t, 20, "contact", "before", a, b); n != 5 {
		t.Fatalf("%d passed while Redis is there", n)
	}
	server.Freeze()
	start := time.Now()
	if n := passes(t, 40, "contact", "frozen", a); n != 5 {
		t.Errorf("%d passed while Redis is frozen", n)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("a frozen Redis costs %s", d)
	}
	server.Kill()
	if n := passes(t, 40, "contact", "killed", a); n != 5 {
		t.Errorf("%d passed while Redis is gone", n)
	}
	server.Restart()
	round := 0
	platformtest.Eventually(t, 3*time.Second, "counting together", func() bool {
		round++
		return passes(t, 40, "contact", fmt.Sprint("after", round), a, b) == 5
	})
}

// TestRedisAwayFromTheStart builds the store when Redis appears.
func TestRedisAwayFromTheStart(t *testing.T) {
	t.Parallel()
	server := cachetest.StartRedis(t)
	server.Kill()
	a := newLimiter(t, ratelimit.Settings{Redis: openWith(t, server.URL(), 0)})
	b := newLimiter(t, ratelimit.Settings{Redis: openWith(t, server.URL(), 0)})
	if n := passes(t, 20, "contact", "k", a); n != 5 {
		t.Errorf("%d passed", n)
	}
	server.Restart()
	round := 0
	platformtest.Eventually(t, 3*time.Second, "counting together", func() bool {
		round++
		return passes(t, 40, "contact", fmt.Sprint("after", round), a, b) == 5
	})
}

// TestHangingUpDoesNotEscape counts a client that leaves at once where all are counted.
func TestHangingUpDoesNotEscape(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Settings{Redis: open(t, platformtest.RedisURL(t))})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		if _, err := l.Take(ctx, "contact", "k"); err != nil {
			t.Fatal(err)
		}
	}
	if r, _ := l.Take(t.Context(), "contact", "k"); !r.Reached {
		t.Errorf("the calls were not counted: %+v", r)
	}
}
