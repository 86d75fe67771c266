package sessions_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/platformtest"
)

func TestSessionIsRecognisedAndSlides(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s := r.signIn(t, bob)
		if want := r.clock.Now().Truncate(time.Millisecond).Add(15 * time.Minute); !s.ExpiresAt.Equal(want) {
			t.Fatalf("expires_at is %s, want %s", s.ExpiresAt, want)
		}
		r.clock.Advance(10 * time.Minute)
		p := r.accepts(t, s)
		if got := p.ExpiresAt.Sub(r.clock.Now()); got > 15*time.Minute || got < 15*time.Minute-time.Second {
			t.Fatalf("after a request it expires in %s, want 15 minutes", got)
		}
		if p.AuthMethods[0] != "pwd" || p.Account.Email != bob || p.ComplianceOnly || p.ByCookie {
			t.Fatalf("the principal is %+v", p)
		}
		r.clock.Advance(14 * time.Minute)
		r.accepts(t, s)
		r.clock.Advance(15 * time.Minute)
		r.refuses(t, s, apperr.ErrSessionInactive)
	})
}

func TestAbsoluteCapIsNeverPassed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, short(2*time.Second, 6*time.Second))
		s := r.signIn(t, bob)
		start := r.clock.Now()
		for second := range 6 {
			p := r.accepts(t, s)
			if p.ExpiresAt.After(s.AbsoluteExpiresAt) {
				t.Fatalf("after %d s it expires at %s, past the cap %s", second, p.ExpiresAt, s.AbsoluteExpiresAt)
			}
			r.clock.Advance(time.Second)
		}
		if got := r.clock.Now().Sub(start); got != 6*time.Second {
			t.Fatalf("the clock moved %s", got)
		}
		r.refuses(t, s, apperr.ErrSessionInactive)
	})
}

// Rule 1: one self-contained value, one round trip, no SQL, nothing of organizations.
func TestRule1OneRoundTripAndNoSQL(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t, lines()...)
	r := newReplica(t, b)
	s := r.signIn(t, bob)
	r.accepts(t, s)
	statements, reads := b.Statements(), r.people.reads
	calls := &commandCounter{}
	b.Redis.AddHook(calls)
	const n = 50
	for range n {
		r.accepts(t, s)
	}
	if got := b.Statements() - statements; got != 0 {
		t.Errorf("%d checks cost %d SQL statements, want none", n, got)
	}
	if got := r.people.reads - reads; got != 0 {
		t.Errorf("%d checks asked for the user %d times, want never", n, got)
	}
	if got := calls.n.Load(); got != n {
		t.Errorf("%d checks cost %d Redis commands, want one each", n, got)
	}
}

// commandCounter counts what a Redis client sends.
type commandCounter struct{ n atomic.Int64 }

func (c *commandCounter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c *commandCounter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.n.Add(1)
		return next(ctx, cmd)
	}
}

func (c *commandCounter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		c.n.Add(int64(len(cmds)))
		return next(ctx, cmds)
	}
}

// Rule 1: garbage never reaches a store.
func TestRule1GarbageCostsNothing(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		before := b.Statements()
		for _, token := range []string{"", "x", strings.Repeat("a", 44), strings.Repeat("ä", 21) + "a", strings.Repeat("a", 42) + " "} {
			if _, err := r.Authenticate(t.Context(), token); err == nil || apperr.From(err).Code() != apperr.CodeInvalidToken {
				t.Errorf("%q: %v", token, err)
			}
		}
		if got := b.Statements() - before; got != 0 {
			t.Errorf("garbage cost %d statements", got)
		}
		if _, err := r.Authenticate(t.Context(), strings.Repeat("a", 43)); apperr.From(err).Code() != apperr.CodeInvalidToken {
			t.Errorf("an unknown token: %v", err)
		}
		if got := b.Statements() - before; got != 1 {
			t.Errorf("an unknown token cost %d statements, want one", got)
		}
	})
}

// Rule 2: concurrent misses of one token are one read.
func TestRule2ConcurrentMissesAreOneRead(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		gate := make(chan struct{})
		slow := &slowAccounts{people: newPeople(), gate: gate}
		r := newReplica(t, b, func(s *setup) {
			s.people = slow.people
			s.parts.Credentials, s.parts.Accounts = slow.people, slow
		})
		s := r.signIn(t, bob)
		r.lose(t, b, s)
		before := b.Statements()
		var wg sync.WaitGroup
		principals := make([]*authn.Principal, 64)
		for i := range principals {
			wg.Go(func() {
				p, err := r.Authenticate(context.WithoutCancel(t.Context()), s.Token.Reveal())
				if err != nil {
					t.Errorf("caller %d: %v", i, err)
				}
				principals[i] = p
			})
		}
		platformtest.Eventually(t, 5*time.Second, "the one read", func() bool { return slow.waiting.Load() == 1 })
		close(gate)
		wg.Wait()
		if got := b.Statements() - before; got != 1 {
			t.Errorf("64 misses cost %d statements, want one", got)
		}
		if got := slow.asked.Load(); got != 1 {
			t.Errorf("64 misses asked for the user %d times, want once", got)
		}
		for i, p := range principals[1:] {
			if p == principals[0] {
				t.Fatalf("callers 0 and %d share a principal", i+1)
			}
		}
		if got := r.state(t, s); got != cache.Live {
			t.Errorf("after the fill the cache says %d, want live", got)
		}
	})
}

// Rule 2: a caller that leaves does not take the others' read with it.
func TestRule2CallerThatLeavesHarmsNobody(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		gate := make(chan struct{})
		slow := &slowAccounts{people: newPeople(), gate: gate}
		r := newReplica(t, b, func(s *setup) {
			s.people = slow.people
			s.parts.Credentials, s.parts.Accounts = slow.people, slow
		})
		s := r.signIn(t, bob)
		r.lose(t, b, s)
		leaving, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := r.Authenticate(leaving, s.Token.Reveal()); err == nil {
				t.Error("who left got an answer")
			}
		})
		platformtest.Eventually(t, 5*time.Second, "the first read", func() bool { return slow.waiting.Load() == 1 })
		wg.Go(func() {
			if _, err := r.Authenticate(context.WithoutCancel(t.Context()), s.Token.Reveal()); err != nil {
				t.Errorf("who stayed: %v", err)
			}
		})
		leave()
		close(gate)
		wg.Wait()
	})
}

// Rule 2: while another process fills, a caller waits a moment and then reads the row
// itself, and caches nothing.
func TestRule2LeaseOfAnotherIsRespected(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s := r.signIn(t, bob)
		r.lose(t, b, s)
		if _, ok, err := r.cache.Lease(t.Context(), r.KeyOf(s.Token.Reveal()), time.Minute); err != nil || !ok {
			t.Fatalf("lease: %v, %v", ok, err)
		}
		r.accepts(t, s)
		if got := r.state(t, s); got != cache.Leased {
			t.Fatalf("the cache says %d, want the other's lease", got)
		}
	})
}

// Rule 2: a look-up that finds nothing gives its lease back.
func TestRule2DeadSessionLeavesNoLease(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s := r.signIn(t, bob)
		r.clock.Advance(16 * time.Minute)
		for range 3 {
			r.refuses(t, s, apperr.ErrSessionInactive)
		}
		if got := r.state(t, s); got == cache.Leased {
			t.Fatal("the lease stayed")
		}
	})
}

func TestStatusOfTheUserCountsAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		cases := map[string]struct {
			want       *apperr.Error
			restricted bool
		}{
			"active": {}, "pending": {}, "compliance_suspended": {restricted: true},
			"suspended": {want: apperr.ErrInvalidToken}, "inactive": {want: apperr.ErrInvalidToken}, "": {want: apperr.ErrInvalidToken},
		}
		for status, c := range cases {
			t.Run("status "+status, func(t *testing.T) {
				r := newReplica(t, b)
				s := r.signIn(t, bob)
				r.accepts(t, s)
				r.changeUser(t, bob, func(a *authn.Account) { a.Status = status })
				if c.want != nil {
					r.refuses(t, s, c.want)
					return
				}
				if p := r.accepts(t, s); p.ComplianceOnly != c.restricted || p.Account.Status != status {
					t.Fatalf("recognised as %+v", p)
				}
			})
		}
	})
}

func TestChangeOfTheUserIsSeenByTheNextRequest(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s := r.signIn(t, bob)
		r.accepts(t, s)
		r.changeUser(t, bob, func(a *authn.Account) { a.Profile, a.ETag = []byte(`{"full_name":"Robert"}`), `"2"` })
		if p := r.accepts(t, s); string(p.Account.Profile) != `{"full_name":"Robert"}` || p.Account.ETag != `"2"` {
			t.Fatalf("the next request sees %s", p.Account.Profile)
		}
		// A transaction of another test, on the same server, may be older than the change.
		platformtest.Eventually(t, 5*time.Second, "the new value in the cache", func() bool {
			before := b.Statements()
			r.accepts(t, s)
			return b.Statements() == before
		})
	})
}

// brokenAccounts panics.
type brokenAccounts struct{ *people }

func (brokenAccounts) Account(context.Context, string) (authn.Account, error) { panic("broken") }

func TestPanicOfALookUpIsOneRequestsFault(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	r := newReplica(t, b, func(s *setup) { s.parts.Credentials, s.parts.Accounts = s.people, brokenAccounts{s.people} })
	s := r.signIn(t, bob)
	r.accepts(t, s)
	r.lose(t, b, s)
	r.refuses(t, s, apperr.ErrInternal)
}
