package sessions_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
)

// policy is the limits of everybody's organizations.
type policy struct {
	mu    sync.Mutex
	rules sessions.LimitRules
	err   error
}

func (p *policy) set(rules sessions.LimitRules, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules, p.err = rules, err
}

func (p *policy) StandingOf(_ context.Context, db bun.IDB, _ string) (sessions.Standing, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if db == nil {
		return sessions.Standing{}, errors.New("nothing to read through")
	}
	return sessions.Standing{Limits: p.rules}, p.err
}

// Rule 7: limits of organizations shorten sessions from the sign-in on, and never
// lengthen one.
func TestRule7LimitsShortenAndNeverLengthen(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		cases := map[string]struct {
			rules          sessions.LimitRules
			idle, absolute time.Duration
		}{
			"none":            {sessions.LimitRules{}, 15 * time.Minute, 8 * time.Hour},
			"shorter idle":    {sessions.LimitRules{Idle: 5 * time.Minute}, 5 * time.Minute, 8 * time.Hour},
			"shorter cap":     {sessions.LimitRules{Absolute: time.Hour}, 15 * time.Minute, time.Hour},
			"cap below idle":  {sessions.LimitRules{Absolute: time.Minute}, time.Minute, time.Minute},
			"longer than own": {sessions.LimitRules{Idle: time.Hour, Absolute: 100 * time.Hour}, 15 * time.Minute, 8 * time.Hour},
		}
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				rules := &policy{rules: c.rules}
				r := newReplica(t, b, func(s *setup) { s.parts.Standings = rules })
				s := r.signIn(t, bob)
				check := func(when string, expires, absolute time.Time) {
					t.Helper()
					if got := expires.Sub(r.clock.Now()).Round(time.Second); got != c.idle {
						t.Errorf("%s it expires in %s, want %s", when, got, c.idle)
					}
					if got := absolute.Sub(r.clock.Now()).Round(time.Second); got != c.absolute {
						t.Errorf("%s it ends in %s, want %s", when, got, c.absolute)
					}
				}
				check("at sign-in", s.ExpiresAt, s.AbsoluteExpiresAt)
				p := r.accepts(t, s)
				check("from the cache", p.ExpiresAt, p.AbsoluteExpiresAt)
				r.lose(t, b, s)
				p = r.accepts(t, s)
				check("from the row", p.ExpiresAt, p.AbsoluteExpiresAt)
			})
		}
	})
}

// Rule 7: a change of policy or membership takes hold with the next request, on every
// replica, because it invalidates the user.
func TestRule7ChangeOfLimitsTakesHold(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		rules := &policy{}
		shared := func(s *setup) { s.parts.Standings = rules }
		r := newReplica(t, b, shared)
		s := r.signIn(t, bob)
		r.accepts(t, s)
		rules.set(sessions.LimitRules{Idle: time.Minute, Absolute: time.Hour}, nil)
		r.changeUser(t, bob, func(*authn.Account) {})
		p := r.accepts(t, s)
		if got := p.ExpiresAt.Sub(r.clock.Now()).Round(time.Second); got != time.Minute {
			t.Fatalf("after the change it expires in %s", got)
		}
		r.clock.Advance(59 * time.Second)
		r.accepts(t, s)
		r.clock.Advance(61 * time.Second)
		r.refuses(t, s, apperr.ErrSessionInactive)

		other := r.signIn(t, bob)
		r.clock.Advance(50 * time.Second)
		r.accepts(t, other)
		rules.set(sessions.LimitRules{Absolute: 40 * time.Second}, nil)
		r.changeUser(t, bob, func(*authn.Account) {})
		r.refuses(t, other, apperr.ErrSessionInactive)
	})
}

// A rule that cannot be evaluated refuses; it does not open.
func TestRule7UnknownLimitsRefuse(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		rules := &policy{}
		r := newReplica(t, b, func(s *setup) { s.parts.Standings = rules })
		s := r.signIn(t, bob)
		r.lose(t, b, s)
		rules.set(sessions.LimitRules{}, apperr.ErrUnavailable)
		r.refuses(t, s, apperr.ErrUnavailable)
		if out, err := r.login(t, bob, bobPassword); !errors.Is(err, apperr.ErrUnavailable) || out.Session != nil {
			t.Fatalf("a log-in was answered %+v, %v", out, err)
		}
		rules.set(sessions.LimitRules{}, nil)
		r.accepts(t, s)
	})
}
