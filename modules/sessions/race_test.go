package sessions_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/platformtest"
)

// waitForTail is how long a replica may take to hear of a change, and some.
const waitForTail = 5 * time.Second

func emptyCache(s *setup) { s.parts.Cache = cache.NewMemorySliding(s.clock) }

// stepped is a cache that lets a test decide what happens between two steps of a fill.
type stepped struct {
	cache.Sliding
	beforeFill    atomic.Pointer[func()]
	beforeReplace atomic.Pointer[func()]
	beforeUnbury  atomic.Pointer[func()]
}

func (s *stepped) Fill(ctx context.Context, key, token string, v cache.Value) (bool, error) {
	if f := s.beforeFill.Swap(nil); f != nil {
		(*f)()
	}
	return s.Sliding.Fill(ctx, key, token, v)
}

func (s *stepped) Replace(ctx context.Context, key string, old []byte, v cache.Value) (bool, error) {
	if f := s.beforeReplace.Swap(nil); f != nil {
		(*f)()
	}
	return s.Sliding.Replace(ctx, key, old, v)
}

func (s *stepped) Unbury(ctx context.Context, keys []string, owner string) error {
	if f := s.beforeUnbury.Swap(nil); f != nil {
		(*f)()
	}
	return s.Sliding.Unbury(ctx, keys, owner)
}

// Rule 2: a fill whose row was read before a revocation comes to nothing: the tombstone
// took the place of its lease.
func TestRule2FillLosesToARevocation(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		steps := &stepped{Sliding: b.Sliding}
		r := newReplica(t, b, func(s *setup) { s.parts.Cache = steps })
		s := r.signIn(t, bob)
		p := r.accepts(t, s)
		r.lose(t, b, s)
		revoke := func() {
			if err := r.Logout(context.WithoutCancel(t.Context()), p); err != nil {
				t.Errorf("logout: %v", err)
			}
		}
		steps.beforeFill.Store(&revoke)
		r.accepts(t, s) // it began before the revocation was answered
		if got := r.state(t, s); got != cache.Buried {
			t.Fatalf("the fill left the cache at %d, want the tombstone", got)
		}
		r.refuses(t, s, apperr.ErrInvalidToken)
	})
}

// Rule 4: the same for a value that is swapped because its user changed.
func TestRule4ReplaceLosesToARevocation(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		steps := &stepped{Sliding: b.Sliding}
		r := newReplica(t, b, func(s *setup) { s.parts.Cache = steps })
		s := r.signIn(t, bob)
		p := r.accepts(t, s)
		r.changeUser(t, bob, func(*authn.Account) {})
		revoke := func() {
			if err := r.Logout(context.WithoutCancel(t.Context()), p); err != nil {
				t.Errorf("logout: %v", err)
			}
		}
		steps.beforeReplace.Store(&revoke)
		r.accepts(t, s)
		if got := r.state(t, s); got != cache.Buried {
			t.Fatalf("the swap left the cache at %d, want the tombstone", got)
		}
		r.refuses(t, s, apperr.ErrInvalidToken)
	})
}

// Rule 4: a fill that gets past the tombstone, because Redis was flushed between it and
// the fill, is stopped by the second barrier.
func TestRule4SecondBarrierStopsALateFill(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	s := p.a.signIn(t, bob)
	principal := p.a.accepts(t, s)
	if err := p.redis.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	steps := &stepped{Sliding: p.b.cache}
	filler := newReplica(t, p.backend, with(p.a), func(s *setup) { s.parts.Cache = steps })
	late := func() {
		ctx := context.WithoutCancel(t.Context())
		if err := p.a.Logout(ctx, principal); err != nil {
			t.Errorf("logout: %v", err)
		}
		// Redis loses the tombstone, and the filler's lease comes back with an old copy.
		if err := p.redis.FlushDB(ctx).Err(); err != nil {
			t.Errorf("flush: %v", err)
		}
	}
	steps.beforeFill.Store(&late)
	filler.accepts(t, s)
	platformtest.Eventually(t, waitForTail, "the barrier", func() bool {
		_, err := filler.Authenticate(t.Context(), s.Token.Reveal())
		return errors.Is(err, apperr.ErrInvalidToken)
	})
	p.a.refuses(t, s, apperr.ErrInvalidToken)
	p.b.refuses(t, s, apperr.ErrInvalidToken)
}

// Rules 2 to 5 together: readers on two processes, losses of the cache, write-backs and
// changes of the user run beside a revocation in every order that the scheduler finds.
// Once it is answered, nobody accepts the token any more.
func TestNoInterleavingRevivesARevokedSession(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	const rounds = 120
	for round := range rounds {
		s := p.a.signIn(t, bob)
		principal := p.a.accepts(t, s)
		var revoked atomic.Bool
		var wg sync.WaitGroup
		ctx := context.WithoutCancel(t.Context())
		for i, r := range []*replica{p.a, p.b, p.a, p.b} {
			wg.Go(func() {
				for n := 0; n < 12; n++ {
					after := revoked.Load() // before the request begins
					_, err := r.Authenticate(ctx, s.Token.Reveal())
					if err == nil && after {
						t.Errorf("round %d: reader %d was let in after the revocation was answered", round, i)
					}
					if err != nil && !errors.Is(err, apperr.ErrInvalidToken) {
						t.Errorf("round %d: reader %d: %v", round, i, err)
					}
				}
			})
		}
		wg.Go(func() {
			for range 3 {
				p.loseValues(ctx, t)
			}
		})
		wg.Go(func() { _ = p.b.Flush(ctx) })
		wg.Go(func() { p.a.changeUser(t, bob, func(*authn.Account) {}) })
		wg.Go(func() {
			if err := p.a.Logout(ctx, principal); err != nil {
				t.Errorf("round %d: logout: %v", round, err)
			}
			revoked.Store(true)
		})
		wg.Wait()
		if t.Failed() {
			return
		}
		p.a.refuses(t, s, apperr.ErrInvalidToken)
		p.b.refuses(t, s, apperr.ErrInvalidToken)
		if got := p.a.status(t, s.ID); got != "REVOKED" {
			t.Fatalf("round %d: the row is %s", round, got)
		}
	}
}

// loseValues makes Redis lose every value and lease, as eviction does. A tombstone that
// is lost within two seconds of its revocation is beyond what the protocol promises, so
// each key is looked at and deleted in one step.
func (p *pair) loseValues(ctx context.Context, t *testing.T) {
	keys, err := p.redis.Keys(ctx, "*").Result()
	if err != nil {
		t.Errorf("keys: %v", err)
	}
	for _, k := range keys {
		err := p.redis.Eval(ctx, `local v = redis.call('GET', KEYS[1])
			if v and string.sub(v, 1, 1) ~= 'T' then return redis.call('DEL', KEYS[1]) end
			return 0`, []string{k}).Err()
		if err != nil {
			t.Errorf("lose %s: %v", k, err)
		}
	}
}
