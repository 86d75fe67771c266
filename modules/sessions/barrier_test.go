package sessions_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/platformtest"
)

// Rule 4: Redis flushed, or swapped for an older copy, never revives a session, on
// whichever replica it is tried.
func TestRule4OlderCopyOfRedisRevivesNothing(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	gone, lives := p.a.signIn(t, bob), p.a.signIn(t, bob)
	p.a.accepts(t, gone)
	p.b.accepts(t, gone)
	before := p.copies(t)
	if len(before) < 2 {
		t.Fatalf("Redis holds %d keys", len(before))
	}
	if err := p.a.Logout(t.Context(), p.a.accepts(t, gone)); err != nil {
		t.Fatal(err)
	}
	p.b.refuses(t, gone, apperr.ErrInvalidToken)
	// The tail of the other replica has two seconds; a tombstone covers them.
	platformtest.Eventually(t, 5*time.Second, "the other replica to hear of it", func() bool {
		p.restore(t, before)
		_, err := p.b.Authenticate(t.Context(), gone.Token.Reveal())
		return errors.Is(err, apperr.ErrInvalidToken)
	})
	for range 3 {
		p.restore(t, before)
		for _, r := range []*replica{p.a, p.b} {
			r.refuses(t, gone, apperr.ErrInvalidToken)
			r.accepts(t, lives)
		}
		if err := p.redis.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range []*replica{p.a, p.b} {
			r.refuses(t, gone, apperr.ErrInvalidToken)
			r.accepts(t, lives)
		}
	}
}

// Rule 4: a replica that starts after the revocation knows of it too.
func TestRule4ReplicaThatStartsLaterKnows(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	gone := p.a.signIn(t, bob)
	before := p.copies(t)
	if err := p.a.Logout(t.Context(), p.a.accepts(t, gone)); err != nil {
		t.Fatal(err)
	}
	p.restore(t, before)
	late := newReplica(t, p.backend, with(p.a), func(s *setup) { s.parts.Cache = p.a.cache })
	late.refuses(t, gone, apperr.ErrInvalidToken)
}

// Rule 4: a replica whose tail does not move trusts no cache.
func TestRule4ReplicaWithoutTailReadsRows(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	asleep := newReplica(t, p.backend, with(p.a), func(s *setup) { s.parts.Cache, s.sleeping = p.a.cache, true })
	gone, lives := p.a.signIn(t, bob), p.a.signIn(t, bob)
	platformtest.Eventually(t, 5*time.Second, "the tail to be too old", func() bool { return !asleep.log.Fresh() })
	asleep.accepts(t, gone)
	before := p.copies(t)
	if err := p.a.Logout(t.Context(), p.a.accepts(t, gone)); err != nil {
		t.Fatal(err)
	}
	p.restore(t, before)
	asleep.refuses(t, gone, apperr.ErrInvalidToken)
	statements := p.backend.Statements()
	asleep.accepts(t, lives)
	if p.backend.Statements() == statements {
		t.Fatal("it trusted the cache")
	}
}

// Rule 4: with Redis out of reach, a revocation raises the epoch, waits until every
// replica has seen that, and only then answers. What Redis still holds is never found
// again.
func TestRule4RevocationWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]relayState{"cut": relayCut, "frozen": relayFrozen} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			gone, lives := p.a.signIn(t, bob), p.a.signIn(t, bob)
			principal := p.a.accepts(t, gone)
			p.b.accepts(t, gone)
			epoch := p.b.log.Epoch()
			p.relayA.set(how) // only one of them: the other still reads the old value
			begin := time.Now()
			if err := p.a.Logout(t.Context(), principal); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); took < 2*time.Second || took > 4*time.Second {
				t.Errorf("it answered after %s, want a little more than two seconds", took)
			}
			p.a.refuses(t, gone, apperr.ErrInvalidToken)
			p.b.refuses(t, gone, apperr.ErrInvalidToken)
			if p.b.log.Epoch() == epoch {
				t.Error("the other replica did not see the epoch")
			}
			p.a.accepts(t, lives)
			p.b.accepts(t, lives)
			p.relayA.set(relayOpen)
			platformtest.Eventually(t, 5*time.Second, "Redis to be used again", func() bool {
				_, _, err := p.a.cache.Touch(t.Context(), "x", p.a.clock.Now())
				return err == nil
			})
			p.a.refuses(t, gone, apperr.ErrInvalidToken)
			p.b.refuses(t, gone, apperr.ErrInvalidToken)
			p.a.accepts(t, lives)
		})
	}
}

// Losing Redis costs speed and not sessions; every session keeps working, and sliding
// goes on.
func TestEverySessionWorksWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]relayState{"cut": relayCut, "frozen": relayFrozen} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, short(100*time.Second, time.Hour))
			s := p.a.signIn(t, bob)
			p.relayA.set(how)
			for range 5 {
				p.a.clock.Advance(90 * time.Second)
				p.a.accepts(t, s)
			}
			if err := p.a.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.relayA.set(relayOpen)
			p.b.accepts(t, s)
			p.a.clock.Advance(101 * time.Second)
			p.a.refuses(t, s, apperr.ErrSessionInactive)
			p.b.refuses(t, s, apperr.ErrSessionInactive)
		})
	}
}

// A cache that is private to its process is not trusted on PostgreSQL, where several
// processes may run.
func TestPrivateCacheIsNotTrustedOnPostgreSQL(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t, lines()...)
	private := func(s *setup) { s.parts.Cache = cache.NewMemorySliding(s.clock) }
	a := newReplica(t, b, private)
	other := newReplica(t, b, private, with(a))
	s := a.signIn(t, bob)
	other.accepts(t, s)
	begin := time.Now()
	if err := a.Logout(t.Context(), a.accepts(t, s)); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the revocation waited %s for nothing", took)
	}
	other.refuses(t, s, apperr.ErrInvalidToken)
	a.refuses(t, s, apperr.ErrInvalidToken)
}

// 1,000 revocations on one process, tried on the other at once: none is accepted.
func TestThousandRevocationsAreSeenByTheOtherProcessAtOnce(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	const n, workers = 1000, 8
	issued := make(chan *authn.IssuedSession, n)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range n / workers {
				s := p.a.signIn(t, bob)
				p.b.accepts(t, s)
				issued <- s
			}
		})
	}
	wg.Wait()
	close(issued)
	for range workers {
		wg.Go(func() {
			for s := range issued {
				principal, err := p.a.Authenticate(t.Context(), s.Token.Reveal())
				if err == nil {
					err = p.a.Logout(t.Context(), principal)
				}
				if err != nil {
					t.Errorf("logout: %v", err)
					continue
				}
				if _, err := p.b.Authenticate(t.Context(), s.Token.Reveal()); !errors.Is(err, apperr.ErrInvalidToken) {
					t.Errorf("after its revocation a token is answered with %v", err)
				}
			}
		})
	}
	wg.Wait()
}

// Rule 4: while the epoch changes, a replica may look for a session under the old key or
// the new one, and the process that revokes it know the other. It answers when neither is
// trusted.
func TestRule4RevocationWhileTheEpochChanges(t *testing.T) {
	t.Parallel()
	for _, behind := range []string{"reader", "revoker"} {
		t.Run(behind, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			asleep := newReplica(t, p.backend, with(p.a), func(s *setup) { s.parts.Cache, s.sleeping = p.a.cache, true })
			reader, revoker := asleep, p.b
			if behind == "revoker" {
				reader, revoker = p.b, asleep
			}
			s := p.a.signIn(t, bob)
			principal := p.a.accepts(t, s)
			epoch := asleep.log.Epoch()
			if err := p.a.db.InTx(t.Context(), p.a.log.BumpEpoch); err != nil {
				t.Fatal(err)
			}
			platformtest.Eventually(t, waitForTail, "the new epoch", func() bool { return p.b.log.Epoch() != epoch })
			if err := p.redis.FlushDB(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			reader.accepts(t, s) // and caches it under its own key
			if err := revoker.Logout(t.Context(), principal); err != nil {
				t.Fatal(err)
			}
			// A tail that has not moved since is not believed, one that has knows.
			reader.refuses(t, s, apperr.ErrInvalidToken)
		})
	}
}
