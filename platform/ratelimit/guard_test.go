package ratelimit_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/cache/cachetest"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/ratelimit"
)

const owner = "bob@acme-corp.com"

func from(address string) authn.Client { return authn.Client{Address: netip.MustParseAddr(address)} }

// guards runs fn on both kinds of stores.
func guards(t *testing.T, fn func(t *testing.T, g *ratelimit.Guard, c *platformtest.FakeClock)) {
	t.Helper()
	for _, kind := range []string{"memory", "redis"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := platformtest.NewFakeClock(time.Now().Truncate(time.Millisecond))
			if kind == "memory" {
				fn(t, ratelimit.NewGuard(ratelimit.NewMemoryGrowing(c), cache.NewMemoryStore(c), [32]byte{1}, true), c)
				return
			}
			client := open(t, platformtest.RedisURL(t))
			growing := ratelimit.NewGrowing(ratelimit.Settings{Redis: client}, c)
			fn(t, ratelimit.NewGuard(growing, cache.NewRedisStore(client), [32]byte{1}, true), c)
		})
	}
}

// guess is an attempt that fails. It returns how long the caller must wait.
func guess(tb testing.TB, g *ratelimit.Guard, email, address string) time.Duration {
	tb.Helper()
	_, err := g.Attempt(tb.Context(), email, from(address))
	if err == nil {
		return 0
	}
	if !errors.Is(err, apperr.ErrRateLimited) {
		tb.Fatal(err)
	}
	return apperr.From(err).RetryAfter()
}

func succeed(tb testing.TB, g *ratelimit.Guard, email, address string) {
	tb.Helper()
	a, err := g.Attempt(tb.Context(), email, from(address))
	if err != nil {
		tb.Fatal(err)
	}
	a.Succeeded(tb.Context())
	a.Succeeded(tb.Context())
	a.Release(tb.Context())
}

// TestOwnerGetsPast lets strangers guess from many addresses: they are slowed down
// together, in every spelling, and the owner at home signs in all the while.
func TestOwnerGetsPast(t *testing.T) {
	t.Parallel()
	guards(t, func(t *testing.T, g *ratelimit.Guard, c *platformtest.FakeClock) {
		succeed(t, g, owner, "192.0.2.1")
		passed := 0
		for i := range 100 {
			email := []string{owner, strings.ToUpper(owner), " " + owner + " ", "ｂob@acme-corp.com"}[i%4]
			address := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
			if guess(t, g, email, address.String()) == 0 {
				passed++
			}
		}
		if passed != 5 {
			t.Errorf("%d of 100 guesses passed, want 5", passed)
		}
		succeed(t, g, owner, "192.0.2.1")
		if guess(t, g, owner, "203.0.113.9") == 0 {
			t.Error("the owner's success freed a stranger")
		}
		// The owner's own mistakes are slowed down as well, but not for long.
		for range 5 {
			if guess(t, g, owner, "192.0.2.1") != 0 {
				t.Fatal("the owner has to wait")
			}
		}
		for range 20 {
			wait := guess(t, g, owner, "192.0.2.1")
			if wait > 30*time.Second {
				t.Fatalf("the owner waits %s", wait)
			}
			c.Advance(wait)
		}
	})
}

// TestSpellingsShareOneCount guesses at an account in every spelling that leads to it.
func TestSpellingsShareOneCount(t *testing.T) {
	t.Parallel()
	for _, spellings := range [][]string{
		{"i\u0307@acme-corp.com", "I\u0307@acme-corp.com", "I\u0307@ACME-corp.com"}, // composed, the capital would be another letter
		{"\u212a@acme-corp.com", "k@acme-corp.com", "K@acme-corp.com"},
	} {
		guards(t, func(t *testing.T, g *ratelimit.Guard, _ *platformtest.FakeClock) {
			passed := 0
			for i := range 30 {
				address := netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
				if guess(t, g, spellings[i%len(spellings)], address.String()) == 0 {
					passed++
				}
			}
			if passed != 5 {
				t.Errorf("%q: %d guesses passed, want 5", spellings, passed)
			}
		})
	}
}

// TestStrangersWaitLonger grows the strangers' delay to five minutes and never beyond,
// the same for an account that does not exist.
func TestStrangersWaitLonger(t *testing.T) {
	t.Parallel()
	guards(t, func(t *testing.T, g *ratelimit.Guard, c *platformtest.FakeClock) {
		for _, email := range []string{owner, "nobody@example.com"} {
			var waits []time.Duration
			for range 5 {
				guess(t, g, email, "198.51.100.1")
			}
			for range 12 {
				wait := guess(t, g, email, "198.51.100.1")
				waits = append(waits, wait)
				c.Advance(wait)
				if guess(t, g, email, "198.51.100.1") != 0 {
					t.Fatal("refused after the wait")
				}
			}
			if waits[0] != time.Second || waits[3] != 8*time.Second || waits[11] != 5*time.Minute {
				t.Errorf("%s: waits are %v", email, waits)
			}
			c.Advance(15 * time.Minute)
			if guess(t, g, email, "198.51.100.1") != 0 {
				t.Error("failures are not forgotten")
			}
		}
	})
}

// TestOneAddressManyAccounts slows down an address that tries one password on everybody;
// right passwords from it are no failures, and do not wash the failures off.
func TestOneAddressManyAccounts(t *testing.T) {
	t.Parallel()
	guards(t, func(t *testing.T, g *ratelimit.Guard, _ *platformtest.FakeClock) {
		account := func(i int) string { return string(rune('a'+i/26)) + string(rune('a'+i%26)) + "@example.com" }
		for i := range 100 {
			succeed(t, g, account(i), "198.51.100.1")
		}
		passed := 0
		for i := range 100 {
			if guess(t, g, account(i), "198.51.100.1") == 0 {
				passed++
			}
		}
		if passed != 50 {
			t.Errorf("%d of 100 accounts could be tried, want 50", passed)
		}
		if guess(t, g, account(99), "198.51.100.2") != 0 {
			t.Error("what was refused for the address counted for the account")
		}
	})
}

// TestRelease takes attempts back whose password was never checked.
func TestRelease(t *testing.T) {
	t.Parallel()
	guards(t, func(t *testing.T, g *ratelimit.Guard, _ *platformtest.FakeClock) {
		left, cancel := context.WithCancel(t.Context())
		cancel() // also for a client that has left
		for range 200 {
			a, err := g.Attempt(t.Context(), owner, from("198.51.100.1"))
			if err != nil {
				t.Fatal(err)
			}
			a.Release(left)
		}
	})
}

func TestIPv6IsOneNetwork(t *testing.T) {
	t.Parallel()
	guards(t, func(t *testing.T, g *ratelimit.Guard, _ *platformtest.FakeClock) {
		succeed(t, g, owner, "2001:db8::1")
		for range 10 {
			guess(t, g, owner, "2001:db8:1::1")
		}
		if guess(t, g, owner, "2001:db8::ffff") != 0 {
			t.Error("another address of the owner's network is a stranger")
		}
	})
}

func TestParallelGuesses(t *testing.T) {
	t.Parallel()
	guards(t, func(t *testing.T, g *ratelimit.Guard, _ *platformtest.FakeClock) {
		var passed atomic.Int64
		together(64, func(i int) {
			if guess(t, g, owner, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}).String()) == 0 {
				passed.Add(1)
			}
		})
		if passed.Load() != 5 {
			t.Errorf("%d parallel guesses passed, want 5", passed.Load())
		}
	})
}

func TestGuardDisabled(t *testing.T) {
	t.Parallel()
	c := platformtest.NewFakeClock(time.Now())
	g := ratelimit.NewGuard(ratelimit.NewMemoryGrowing(c), cache.NewMemoryStore(c), [32]byte{}, false)
	for range 100 {
		a, err := g.Attempt(t.Context(), owner, from("198.51.100.1"))
		if err != nil {
			t.Fatal(err)
		}
		a.Succeeded(t.Context())
		a.Release(t.Context())
	}
}

func TestWithPolicies(t *testing.T) {
	t.Parallel()
	c := platformtest.NewFakeClock(time.Now())
	g := ratelimit.NewGuard(ratelimit.NewMemoryGrowing(c), cache.NewMemoryStore(c), [32]byte{}, true)
	p := ratelimit.DefaultPolicies()
	p.Other.Free = 1
	strict := g.WithPolicies(p)
	if guess(t, strict, owner, "198.51.100.1") != 0 || guess(t, strict, owner, "198.51.100.1") == 0 {
		t.Error("the policy does not rule")
	}
	if guess(t, g, owner, "198.51.100.1") != 0 {
		t.Error("the copy changed the guard")
	}
}

// TestGuardWithoutRedis still slows guesses down, and quickly.
func TestGuardWithoutRedis(t *testing.T) {
	t.Parallel()
	server := cachetest.StartRedis(t)
	client := openWith(t, server.URL(), 0)
	c := platformtest.NewFakeClock(time.Now().Truncate(time.Millisecond))
	g := ratelimit.NewGuard(ratelimit.NewGrowing(ratelimit.Settings{Redis: client}, c), cache.NewRedisStore(client), [32]byte{}, true)
	succeed(t, g, owner, "192.0.2.1")
	server.Freeze()
	start := time.Now()
	passed := 0
	for range 50 {
		if guess(t, g, owner, "192.0.2.1") == 0 {
			passed++
		}
	}
	if passed != 5 {
		t.Errorf("%d guesses passed, want 5", passed)
	}
	if d := time.Since(start); d > 2*time.Second {
		t.Errorf("50 attempts took %s", d)
	}
}

type broken struct{ ratelimit.Growing }

func (broken) Reserve(context.Context, string, ratelimit.Policy) (time.Duration, error) {
	return 0, errors.New("broken")
}

// TestGuardFailsClosed answers 503 when nothing can be counted at all.
func TestGuardFailsClosed(t *testing.T) {
	t.Parallel()
	g := ratelimit.NewGuard(broken{}, cache.NewMemoryStore(platformtest.NewFakeClock(time.Now())), [32]byte{}, true)
	if _, err := g.Attempt(t.Context(), owner, from("192.0.2.1")); !errors.Is(err, apperr.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}
