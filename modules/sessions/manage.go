package sessions

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
)

// Logout ends the session of p. It is dead on every replica when this returns.
func (s *Service) Logout(ctx context.Context, p *authn.Principal) error {
	return s.endOne(ctx, p, p.SessionID, ReasonLogout, ActionLogout)
}

// Revoke ends a session of p's user. One that ended before is no error; one that is not
// theirs is [apperr.ErrNotFound], whether or not it exists.
func (s *Service) Revoke(ctx context.Context, p *authn.Principal, sessionID string) error {
	sessionID, ok := id.Parse(sessionID)
	if !ok {
		return apperr.ErrNotFound
	}
	return s.endOne(ctx, p, sessionID, ReasonRevoked, ActionRevoke)
}

func (s *Service) endOne(ctx context.Context, p *authn.Principal, sessionID, reason, action string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		rows, err := s.store.holdOne(ctx, tx, p.UserID, sessionID)
		if err != nil {
			return fmt.Errorf("sessions: hold a session: %w", err)
		}
		if len(rows) == 0 {
			return apperr.ErrNotFound
		}
		n, err := s.end(ctx, tx, rows, reason)
		if err != nil || n == 0 {
			return err
		}
		return s.fact(ctx, tx, ended(action, p.UserID, "session", sessionID, reason, n))
	})
}

// RevokeAll ends the sessions of p's user, except p's own unless includeCurrent, and
// returns how many it ended. The trail shows that they asked, also when none was left.
func (s *Service) RevokeAll(ctx context.Context, p *authn.Principal, includeCurrent bool) (revoked int, err error) {
	except := p.SessionID
	if includeCurrent {
		except = ""
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		revoked, err = s.endAll(ctx, tx, p.UserID, except, ReasonRevokedAll)
		if err != nil {
			return err
		}
		return s.fact(ctx, tx, ended(ActionRevoke, p.UserID, "user", p.UserID, ReasonRevokedAll, revoked))
	})
	return revoked, err
}

// List returns up to limit sessions of p's user that are ACTIVE and within their
// limits, newest first, those older than before. next is where the following page
// begins, empty after the last.
func (s *Service) List(ctx context.Context, p *authn.Principal, before string, limit int) (list []Session, next string, err error) {
	now := s.clock.Now()
	// Rows lag behind by what is not yet written back: this process's part of that is
	// known, and the rows it is about are found by looking a little further back.
	rows, err := s.store.page(ctx, p.UserID, before, now.Add(-s.config.slack()), limit+1)
	if err != nil {
		return nil, "", fmt.Errorf("sessions: list: %w", err)
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].ID
	}
	list = make([]Session, 0, len(rows))
	for i := range rows {
		r := &rows[i]
		if err := s.overlay(r); err != nil {
			return nil, "", err
		}
		if r.ID == p.SessionID {
			r.ExpiresAt = p.ExpiresAt
		}
		r.ComplianceOnly = r.ComplianceOnly && s.limits
		if now.Before(r.ExpiresAt) {
			list = append(list, view(r, p.SessionID, p.ComplianceOnly))
		}
	}
	return list, next, nil
}

// overlay brings a row up to what this process knows.
func (s *Service) overlay(r *row) error {
	sid, err := parseSessionID(r.ID)
	if err != nil {
		return fmt.Errorf("sessions: id of a session: %w", err)
	}
	if a, ok := s.activity.latest(sid); ok && r.LastActivityAt.Before(a.at()) {
		r.LastActivityAt, r.ExpiresAt = a.at(), a.deadline()
	}
	return nil
}

// cleanupBatch is how many rows one statement of the clean-up marks.
const cleanupBatch = 1000

// Cleanup marks ACTIVE sessions EXPIRED that are past their deadline for longer than
// activity could still be on its way, and returns how many. A session that slides is
// never marked.
func (s *Service) Cleanup(ctx context.Context) (int64, error) {
	if err := s.activity.flush(ctx); err != nil {
		return 0, err
	}
	var total int64
	for {
		now := instant(s.clock.Now())
		n, err := s.store.expire(ctx, now.Add(-s.config.slack()), now, cleanupBatch)
		total += n
		if err != nil || n < cleanupBatch {
			return total, err
		}
	}
}

// AfterRestore makes the system forget every session after a database was restored from
// a backup, in which sessions that were revoked since are alive. It raises the epoch,
// so that nothing cached is found again, revokes every ACTIVE row, raises the epoch again
// because servers may have cached sessions while that went on, and returns how many it
// revoked when every replica has seen it. Other modules end what they have alike. It may be
// repeated.
func (s *Service) AfterRestore(ctx context.Context, progress func(revoked int64)) (int64, error) {
	if err := s.forgetCached(ctx); err != nil {
		return 0, err
	}
	var total int64
	for {
		n, err := s.store.revokeSome(ctx, instant(s.clock.Now()), ReasonRestored, cleanupBatch)
		if err != nil {
			return total, err
		}
		total += n
		if n == 0 {
			break
		}
		progress(total)
	}
	if err := s.forgetCached(ctx); err != nil {
		return total, err
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.bus.Publish(ctx, tx, events.DataRestored{}); err != nil {
			return err
		}
		return s.fact(ctx, tx, ended(ActionRevoke, "", "session", "", ReasonRestored, int(total)))
	})
	if err != nil {
		return total, err
	}
	return total, s.log.WaitSeen(ctx)
}

// forgetCached makes everything unreachable that any cache holds.
func (s *Service) forgetCached(ctx context.Context) error {
	if err := s.db.InTx(ctx, s.log.BumpEpoch); err != nil {
		return fmt.Errorf("sessions: raise the epoch: %w", err)
	}
	return nil
}
