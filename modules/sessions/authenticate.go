package sessions

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/invalidation"
)

// The kinds of the invalidation log that sessions record and obey.
const (
	kindSession = invalidation.KindSession
	kindUser    = invalidation.KindUser
)

const (
	// leaseTTL is how long a fill may take before another caller may try.
	leaseTTL = 2 * time.Second
	// leaseWait is how long a caller waits for another process's fill before it reads
	// the row itself, asking every leasePoll.
	leaseWait = 60 * time.Millisecond
	leasePoll = 5 * time.Millisecond
	// readTime bounds a look-up that several callers share, whoever of them leaves.
	readTime = 5 * time.Second
	// coldReads is how many look-ups may be in the database at once. Beyond it callers
	// queue here, and the pool stays free for everything else.
	coldReads = 32
)

// Authenticate returns the principal of a token and slides its idle window: one round
// trip to the cache when the session is in use. It is [authn.Authenticator].
func (s *Service) Authenticate(ctx context.Context, token string) (*authn.Principal, error) {
	h, ok := parseToken(token)
	if !ok {
		s.metrics.malformed.Inc()
		return nil, apperr.ErrInvalidToken
	}
	p, err := s.authenticate(ctx, h)
	if err != nil {
		s.metrics.refused(err)
		return nil, err
	}
	p.FreshFor = s.config.StepUpMaxAge
	// A deadline of an organization passes between two requests, without anybody's doing.
	p.ComplianceOnly = p.ComplianceOnly || p.Account.Restricted(s.clock.Now())
	return p, nil
}

func (s *Service) authenticate(ctx context.Context, h hash) (*authn.Principal, error) {
	now := s.clock.Now()
	if !s.tombs.trusted {
		return s.fromRow(ctx, h, now, seen{})
	}
	k := key(s.log.Epoch(), h)
	v, state, err := s.tombs.cache.Touch(ctx, k, now)
	if err != nil {
		return s.fromRow(ctx, h, now, seen{})
	}
	switch state {
	case cache.Live:
		return s.fromValue(ctx, h, k, now, v)
	case cache.Buried:
		return nil, s.buried(ctx, h)
	default: // Missing, Leased by another caller, or Expired by what the cache knows
		return s.fill(ctx, h, k, now)
	}
}

// fromValue answers from a live value, if nothing has made it stale since it was read.
func (s *Service) fromValue(ctx context.Context, h hash, k string, now time.Time, v cache.Value) (*authn.Principal, error) {
	p := new(authn.Principal)
	stamp, sid, err := decode(v.Payload, p)
	if err != nil {
		// Another release wrote it. Its value is left to it.
		return s.fromRow(ctx, h, now, seen{idle: v.Idle})
	}
	if !s.log.Fresh() {
		return s.fromRow(ctx, h, now, seen{idle: v.Idle})
	}
	if s.stale(p, stamp) || readWithLimits(v.Payload) != s.limits {
		return s.refill(ctx, h, k, now, v)
	}
	p.ExpiresAt, p.AbsoluteExpiresAt = v.Deadline, v.Cap
	s.activity.touch(sid, h, now, v.Deadline)
	s.metrics.cached.Inc()
	return p, nil
}

// stale reports whether the session or its user changed after the value was read.
func (s *Service) stale(p *authn.Principal, stamp invalidation.Position) bool {
	return s.log.Stale(kindSession, p.SessionID, stamp) || s.log.Stale(kindUser, p.UserID, stamp)
}

// found is the answer of a look-up that several callers may share. It is never changed.
type found struct {
	principal authn.Principal
	sid       sessionID
	stamp     invalidation.Position
}

// share runs look once for all callers that ask name at the same time, and gives each a
// principal of its own. A look-up that was under way when the caller came may have read
// the row before a revocation that was answered before the caller came: outdated says
// whether its answer is of no use then, and the caller shares the next one, which
// begins after it.
func (s *Service) share(ctx context.Context, name string, h hash, now time.Time,
	outdated func(f *found) bool, look func(ctx context.Context) (*found, error),
) (*authn.Principal, error) {
	f, own, err := s.join(ctx, name, look)
	if err == nil && !own && outdated(f) {
		f, _, err = s.join(ctx, name, look)
	}
	if err != nil {
		return nil, err
	}
	p := f.principal
	s.activity.touch(f.sid, h, now, p.ExpiresAt)
	return &p, nil
}

// always is of answers that no tombstone and no invalidation would contradict in time.
func always(*found) bool { return true }

// changed reports whether this replica has heard of a change since f was read.
func (s *Service) changed(f *found) bool { return s.stale(&f.principal, f.stamp) }

// join runs look, on a context that lives as long as a caller could wait, or waits for
// the one that runs under the same name already. own reports whether it was the
// caller's.
func (s *Service) join(ctx context.Context, name string, look func(ctx context.Context) (*found, error)) (f *found, own bool, err error) {
	mine := false // read only after the answer, which happens after it was set
	results := s.flights.DoChan(name, func() (answer any, err error) {
		mine = true
		// A panic here would not be the request's but the process's.
		defer func() {
			if p := recover(); p != nil {
				s.logger.ErrorContext(ctx, "a session look-up panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
				answer, err = nil, apperr.ErrInternal
			}
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTime)
		defer cancel()
		select {
		case s.cold <- struct{}{}:
			defer func() { <-s.cold }()
		case <-ctx.Done():
			return nil, apperr.ErrUnavailable.WithRetryAfter(time.Second).Wrap(ctx.Err())
		}
		return look(ctx)
	})
	select {
	case <-ctx.Done():
		return nil, false, apperr.ErrUnavailable.Wrap(ctx.Err())
	case r := <-results:
		if r.Err != nil {
			return nil, mine, r.Err
		}
		return r.Val.(*found), mine, nil //nolint:forcetypeassert // look returns nothing else
	}
}

// fromRow answers from the database and caches nothing.
func (s *Service) fromRow(ctx context.Context, h hash, now time.Time, proof seen) (*authn.Principal, error) {
	name := "row:" + string(h[:])
	if proof.idle > 0 {
		name = "live:" + string(h[:])
	}
	return s.share(ctx, name, h, now, always, func(ctx context.Context) (*found, error) {
		snap, err := s.read(ctx, h, now, proof)
		if err != nil {
			return nil, err
		}
		s.metrics.row.Inc()
		return &found{principal: snap.principal, sid: snap.sid, stamp: snap.stamp}, nil
	})
}

// fill reads a session that the cache does not hold and puts it there. A lease makes
// sure that what is put was read after nobody had revoked the session: a tombstone
// takes the lease's place, and the fill comes to nothing.
func (s *Service) fill(ctx context.Context, h hash, k string, now time.Time) (*authn.Principal, error) {
	return s.share(ctx, "fill:"+k, h, now, s.changed, func(ctx context.Context) (*found, error) {
		lease, leased, err := s.tombs.cache.Lease(ctx, k, leaseTTL)
		if err == nil && !leased {
			if f, err := s.await(ctx, h, k); f != nil || err != nil {
				return f, err
			}
		}
		snap, err := s.read(ctx, h, now, seen{})
		if err != nil {
			if leased {
				s.release(ctx, k, lease)
			}
			return nil, err
		}
		s.metrics.row.Inc()
		f := &found{principal: snap.principal, sid: snap.sid, stamp: snap.stamp}
		if !leased {
			return f, nil
		}
		v, err := snap.value()
		if err != nil {
			return nil, err
		}
		filled, err := s.tombs.cache.Fill(ctx, k, lease, v)
		s.noteCache(ctx, "fill", err)
		if filled {
			s.metrics.fills.Inc()
		}
		return f, nil
	})
}

// release gives a lease back that came to nothing, so that the next caller need not wait
// for it to run out: it is replaced by a value that is dead already.
func (s *Service) release(ctx context.Context, k, lease string) {
	dead := time.UnixMilli(1).UTC()
	_, err := s.tombs.cache.Fill(ctx, k, lease, cache.Value{Idle: time.Millisecond, Cap: dead, Deadline: dead})
	s.noteCache(ctx, "release a lease", err)
}

// await waits a moment for the fill of another process. It returns nothing when that
// takes too long; the caller then reads the row and caches nothing.
func (s *Service) await(ctx context.Context, h hash, k string) (*found, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseWait)
	defer cancel()
	poll := time.NewTicker(leasePoll)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, nil //nolint:nilnil // nothing came, and nothing failed
		case <-poll.C:
		}
		v, state, err := s.tombs.cache.Touch(ctx, k, s.clock.Now())
		switch {
		case err != nil || state == cache.Missing || state == cache.Expired:
			return nil, nil //nolint:nilnil // as above
		case state == cache.Buried:
			return nil, s.finish(context.WithoutCancel(ctx), h)
		case state == cache.Live:
			f := new(found)
			stamp, sid, err := decode(v.Payload, &f.principal)
			if err != nil || !s.log.Fresh() || s.stale(&f.principal, stamp) || readWithLimits(v.Payload) != s.limits {
				return nil, nil //nolint:nilnil // as above
			}
			f.sid, f.stamp = sid, stamp
			f.principal.ExpiresAt, f.principal.AbsoluteExpiresAt = v.Deadline, v.Cap
			return f, nil
		}
	}
}

// refill reads a session again whose cached value is stale, and swaps the value or
// buries it.
func (s *Service) refill(ctx context.Context, h hash, k string, now time.Time, old cache.Value) (*authn.Principal, error) {
	return s.share(ctx, "refill:"+k, h, now, s.changed, func(ctx context.Context) (*found, error) {
		snap, err := s.read(ctx, h, now, seen{idle: old.Idle})
		switch {
		case errors.Is(err, apperr.ErrInvalidToken):
			s.noteCache(ctx, "bury a dead session", s.tombs.seal(ctx, k, now, old.Cap))
			return nil, err
		case errors.Is(err, apperr.ErrSessionInactive):
			s.noteCache(ctx, "forget a dead session", s.tombs.cache.Forget(ctx, []string{k}))
			return nil, err
		case err != nil:
			return nil, err
		}
		v, err := snap.value()
		if err != nil {
			return nil, err
		}
		_, err = s.tombs.cache.Replace(ctx, k, old.Payload, v)
		s.noteCache(ctx, "replace a stale session", err)
		s.metrics.row.Inc()
		return &found{principal: snap.principal, sid: snap.sid, stamp: snap.stamp}, nil
	})
}

// buried refuses a session that has a tombstone. If its row is still ACTIVE, whoever
// revoked it did not come to the end of it, and this reader does. The answer is the
// same when that fails: the tombstone stands.
func (s *Service) buried(ctx context.Context, h hash) error {
	_, _, err := s.join(ctx, "buried:"+string(h[:]), func(ctx context.Context) (*found, error) {
		return nil, s.finish(ctx, h)
	})
	if errors.Is(err, apperr.ErrInvalidToken) {
		return err
	}
	return apperr.ErrInvalidToken.Wrap(err)
}

// finish completes a revocation of which only the tombstone was written. It always
// returns [apperr.ErrInvalidToken].
func (s *Service) finish(ctx context.Context, h hash) error {
	r, _, err := s.store.find(ctx, h)
	switch {
	case database.IsNotFound(err):
		return apperr.ErrInvalidToken
	case err != nil:
		return apperr.ErrInvalidToken.Wrap(err)
	case r.Status != Active:
		return apperr.ErrInvalidToken
	}
	if err := s.finishRow(ctx, h, r); err != nil {
		s.logger.WarnContext(ctx, "a revocation could not be finished; the tombstone refuses the session meanwhile",
			"session_id", r.ID, "err", err)
	}
	return apperr.ErrInvalidToken
}

// noteCache logs a failure of the cache that changes no answer.
func (s *Service) noteCache(ctx context.Context, doing string, err error) {
	if err != nil && !errors.Is(err, cache.ErrUnavailable) {
		s.logger.WarnContext(ctx, "session cache: "+doing, "err", err)
	}
}
