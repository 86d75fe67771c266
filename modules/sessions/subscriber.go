package sessions

import (
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
)

// forgetChunk is of how many users sessions are found at a time.
const forgetChunk = 1000

// subscriptions are what sessions hear of users, inside the transaction that makes it
// true: a user whose password changed and whose sessions did not end does not exist.
func (s *Service) subscriptions() []events.Subscription {
	return []events.Subscription{
		events.On("sessions.revoke_others", s.credentialChanged),
		events.On("sessions.delete_sessions", s.userDeleted),
		events.On("sessions.revoke_suspended", s.statusChanged),
		events.On("sessions.forget_profile", s.userChanged),
		events.On("sessions.forget_factors", func(ctx context.Context, tx bun.Tx, e events.FactorsChanged) error {
			return s.forget(ctx, tx, "forget factors", e.UserID)
		}),
		events.On("sessions.forget_limits", s.limitsChanged),
		events.On("sessions.lift_restriction", s.restrictionLifted),
	}
}

// credentialChanged ends every session but the one that made the change, and notes what
// that one proved by it.
func (s *Service) credentialChanged(ctx context.Context, tx bun.Tx, e events.CredentialChanged) error {
	if e.Method != "" && e.KeepSessionID != "" {
		if err := s.store.addMethod(ctx, tx, e.KeepSessionID, e.UserID, e.Method); err != nil {
			return fmt.Errorf("sessions: note a proof: %w", err)
		}
	}
	n, err := s.endAll(ctx, tx, e.UserID, e.KeepSessionID, e.Reason)
	if err != nil || n == 0 {
		return err
	}
	return s.fact(ctx, tx, ended(ActionRevoke, e.UserID, "user", e.UserID, e.Reason, n))
}

// userDeleted ends the user's sessions and removes their rows.
func (s *Service) userDeleted(ctx context.Context, tx bun.Tx, e events.UserDeleted) error {
	if _, err := s.endAll(ctx, tx, e.UserID, "", ReasonUserDeleted); err != nil {
		return err
	}
	if err := s.store.remove(ctx, tx, e.UserID); err != nil {
		return fmt.Errorf("sessions: delete sessions of a user: %w", err)
	}
	return nil
}

// statusChanged ends the sessions of a user who may have none any more.
func (s *Service) statusChanged(ctx context.Context, tx bun.Tx, e events.UserStatusChanged) error {
	if mayAct(e.Status) {
		return nil
	}
	n, err := s.endAll(ctx, tx, e.UserID, "", ReasonUserSuspended)
	if err != nil || n == 0 {
		return err
	}
	return s.fact(ctx, tx, ended(ActionRevoke, e.UserID, "user", e.UserID, ReasonUserSuspended, n))
}

// userChanged makes a shared cache forget the profile it holds beside each session.
func (s *Service) userChanged(ctx context.Context, tx bun.Tx, e events.UserChanged) error {
	return s.forget(ctx, tx, "forget a profile", e.UserID)
}

// limitsChanged makes a shared cache forget sessions that it holds under old limits.
func (s *Service) limitsChanged(ctx context.Context, tx bun.Tx, e events.SessionLimitsChanged) error {
	return s.forget(ctx, tx, "forget limits", e.UserIDs...)
}

// restrictionLifted makes sessions whole that were begun for setting up a second factor.
// Whoever lifted it has recorded an invalidation of the users.
func (s *Service) restrictionLifted(ctx context.Context, tx bun.Tx, e events.RestrictionLifted) error {
	for chunk := range slices.Chunk(e.UserIDs, forgetChunk) {
		if err := s.store.lift(ctx, tx, chunk); err != nil {
			return fmt.Errorf("sessions: lift a restriction: %w", err)
		}
	}
	return s.forget(ctx, tx, "forget a restriction", e.UserIDs...)
}

// forget makes a shared cache forget what it holds of the users' sessions, as soon as the
// change is committed: a request that follows on another replica sees it. The invalidation
// log makes sure of the same a moment later, also when this fails; in an in-process cache
// it does so at once.
func (s *Service) forget(ctx context.Context, tx bun.Tx, what string, userIDs ...string) error {
	if !s.tombs.cache.Shared() {
		return nil
	}
	for chunk := range slices.Chunk(userIDs, forgetChunk) {
		rows, err := s.store.activeHashes(ctx, tx, chunk)
		if err != nil {
			return fmt.Errorf("sessions: find sessions of users: %w", err)
		}
		database.AfterCommit(ctx, func(ctx context.Context) {
			s.noteCache(ctx, what, s.tombs.kill(ctx, rows))
		})
	}
	return nil
}
