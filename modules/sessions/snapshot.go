package sessions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/invalidation"
)

// snapshot is everything the system knows of a live session, read from the database.
type snapshot struct {
	principal authn.Principal
	sid       sessionID
	stamp     invalidation.Position
	idle      time.Duration
	// limits is true where organizations limit users.
	limits bool
}

// value returns the snapshot as the cache keeps it.
func (s *snapshot) value() (cache.Value, error) {
	payload, err := encode(&s.principal, s.stamp)
	if err == nil && s.limits {
		payload[1] |= flagLimits
	}
	return cache.Value{
		Idle: s.idle, Cap: s.principal.AbsoluteExpiresAt, Deadline: s.principal.ExpiresAt, Payload: payload,
	}, err
}

// seen is proof that a session was in use at the moment of the question: the cache
// judged it live under an idle window. Without proof idle is zero.
type seen struct{ idle time.Duration }

// read asks the database for the session of a token and judges it at now. It returns
// [apperr.ErrInvalidToken] for one that is unknown, revoked, marked expired or whose
// user may not act, and [apperr.ErrSessionInactive] for one past its limits.
func (s *Service) read(ctx context.Context, h hash, now time.Time, proof seen) (*snapshot, error) {
	r, stamp, err := s.store.find(ctx, h)
	switch {
	case database.IsNotFound(err):
		return nil, apperr.ErrInvalidToken
	case err != nil:
		return nil, fmt.Errorf("sessions: read a session: %w", err)
	case r.Status != Active:
		return nil, apperr.ErrInvalidToken
	}
	sid, err := parseSessionID(r.ID)
	if err != nil {
		return nil, fmt.Errorf("sessions: id of a session: %w", err)
	}
	// The limits of organizations are evaluated here and remembered with the value;
	// whatever changes them invalidates the user.
	// The rules of organizations are evaluated here and remembered with the value;
	// whatever changes them invalidates the user.
	standing, err := s.standings.StandingOf(ctx, s.db.Read(), r.UserID)
	if err != nil {
		return nil, fmt.Errorf("sessions: standing of a user: %w", err)
	}
	idle, end := r.bound(standing.Limits)
	last := r.LastActivityAt
	if a, ok := s.activity.latest(sid); ok && last.Before(a.at()) {
		last = a.at()
	}
	if proof.idle > 0 && proof.idle <= idle {
		last = now
	}
	if !live(now, last, idle, end) {
		return nil, apperr.ErrSessionInactive
	}
	account, err := s.accounts.Account(ctx, r.UserID)
	switch {
	case errors.Is(err, apperr.ErrNotFound):
		return nil, apperr.ErrInvalidToken
	case err != nil:
		return nil, fmt.Errorf("sessions: user of a session: %w", err)
	case !mayAct(account.Status):
		return nil, apperr.ErrInvalidToken
	}
	return &snapshot{
		sid: sid, stamp: stamp, idle: idle, limits: s.limits,
		principal: authn.Principal{
			SessionID: r.ID, UserID: r.UserID, AuthMethods: methodsOf(r.AuthMethods),
			AuthenticatedAt: r.AuthAt, ExpiresAt: deadline(now, idle, end), AbsoluteExpiresAt: end,
			ComplianceOnly: restricted(r.ComplianceOnly && s.limits, account.Status), Account: account,
		},
	}, nil
}

// The statuses of users that concern sessions.
const (
	userActive              = "active"
	userPending             = "pending"
	userComplianceSuspended = "compliance_suspended"
)

// mayAct reports whether a user of this status may have sessions.
func mayAct(status string) bool {
	return status == userActive || status == userPending || status == userComplianceSuspended
}

// restricted reports whether a session may only be used to enroll a factor.
func restricted(session bool, status string) bool {
	return session || status == userComplianceSuspended
}
