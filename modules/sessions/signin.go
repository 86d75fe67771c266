package sessions

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
)

// Enabled reports that there are sessions. It is part of [authn.SessionIssuer].
func (s *Service) Enabled() bool { return true }

// CompleteSignIn is the one end of every way of signing in, and part of
// [authn.SessionIssuer]. It asks the gates and, if none refuses or challenges, issues a
// session in tx; the session may be used once tx is committed.
func (s *Service) CompleteSignIn(ctx context.Context, tx bun.Tx, a authn.Attempt) (authn.Outcome, error) {
	verdict, err := s.gates.ask(ctx, tx, a)
	if err != nil {
		return authn.Outcome{}, err
	}
	if verdict.challenge != nil {
		return authn.Outcome{Challenge: verdict.challenge}, nil
	}
	now := instant(s.clock.Now())
	known := a.Account
	a.Account, err = s.accounts.RecordSignIn(ctx, tx, known.UserID, now, a.Client)
	if err != nil {
		return authn.Outcome{}, fmt.Errorf("sessions: record a sign-in: %w", err)
	}
	// The user is held now. What the proof and the gates were judged by may have changed
	// while nobody held it: a password that was just taken away opens nothing, and a
	// user who was just suspended meets the gates as what they are now.
	if a.Account.CredentialVersion != known.CredentialVersion {
		return authn.Outcome{}, apperr.ErrAuthentication
	}
	if a.Account.Status != known.Status || a.Account.EmailVerified != known.EmailVerified || a.Account.Email != known.Email ||
		!a.Account.RestrictedFrom.Equal(known.RestrictedFrom) {
		if verdict, err = s.gates.ask(ctx, tx, a); err != nil {
			return authn.Outcome{}, err
		}
		if verdict.challenge != nil {
			return authn.Outcome{Challenge: verdict.challenge}, nil
		}
	}
	issued, err := s.issue(ctx, tx, a, verdict)
	if err != nil {
		return authn.Outcome{}, err
	}
	return authn.Outcome{Session: issued}, nil
}

// issue creates the session of an attempt that passed every gate.
func (s *Service) issue(ctx context.Context, tx bun.Tx, a authn.Attempt, v verdict) (*authn.IssuedSession, error) {
	token := s.tokens.New()
	h, ok := parseToken(token.Reveal())
	if !ok {
		return nil, errors.New("sessions: the token mint made no token")
	}
	now := instant(s.clock.Now())
	r := newRow(s.ids.New(), h, a, s.config.limits(a.Remember), now)
	r.ComplianceOnly = v.restricted
	sid, err := parseSessionID(r.ID)
	if err != nil {
		return nil, fmt.Errorf("sessions: id of a session: %w", err)
	}
	stamp, err := s.store.add(ctx, tx, r)
	if err != nil {
		return nil, fmt.Errorf("sessions: add a session: %w", err)
	}
	// The stamp is older than this read, and the user row is held since before the
	// stamp: whatever is not in the value is newer than the stamp.
	// The stamp is older than this read, and the user row is held since before the
	// stamp: whatever is not in the value is newer than the stamp.
	standing, err := s.standings.StandingOf(ctx, tx, r.UserID)
	if err != nil {
		return nil, fmt.Errorf("sessions: standing of a user: %w", err)
	}
	idle, end := r.bound(standing.Limits)
	snap := &snapshot{sid: sid, stamp: stamp, idle: idle, limits: s.limits, principal: authn.Principal{
		SessionID: r.ID, UserID: r.UserID, AuthMethods: a.Methods, AuthenticatedAt: now,
		ExpiresAt: deadline(now, idle, end), AbsoluteExpiresAt: end,
		ComplianceOnly: restricted(v.restricted, a.Account.Status), Account: a.Account,
	}}
	if err := s.fact(ctx, tx, signedIn(a, r.ID)); err != nil {
		return nil, err
	}
	database.AfterCommit(ctx, func(ctx context.Context) { s.warm(ctx, h, snap) })
	return &authn.IssuedSession{
		ID: r.ID, Token: token, ExpiresAt: snap.principal.ExpiresAt, AbsoluteExpiresAt: end,
		Account: a.Account, ComplianceOnly: snap.principal.ComplianceOnly || a.Account.Restricted(now),
		Affiliations: standing.affiliations(),
	}, nil
}

// warm puts a new session into the cache. Without it the first request reads the row.
func (s *Service) warm(ctx context.Context, h hash, snap *snapshot) {
	if !s.tombs.trusted {
		return
	}
	v, err := snap.value()
	if err == nil {
		err = s.tombs.cache.Put(ctx, key(s.log.Epoch(), h), v)
	}
	s.noteCache(ctx, "put a new session", err)
}
