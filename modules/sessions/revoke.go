package sessions

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/invalidation"
)

// The reasons that end sessions, as revoked_reason shows them.
const (
	ReasonLogout        = "logout"
	ReasonRevoked       = "revoked"
	ReasonRevokedAll    = "revoked_all"
	ReasonUserDeleted   = "user_deleted"
	ReasonUserSuspended = "user_status"
	ReasonRestored      = "backup_restored"
	// ReasonFinished is of a revocation whose process died between tombstone and commit.
	ReasonFinished = "revoked_incomplete"
)

// end revokes held sessions in tx, fail-closed:
//
//  1. tombstones take the place of the cached values, so that no replica accepts them;
//  2. the rows change and the invalidation log is written in tx;
//  3. the caller commits, and answers.
//
// A process that dies in between leaves tombstones, and the readers that find them
// finish the revocation. A rollback takes its own away. When the cache is out of reach the
// epoch is raised in tx instead, which makes everything cached unreachable, and the
// commit is followed by the time it takes every replica to see that or to trust nothing.
func (s *Service) end(ctx context.Context, tx bun.Tx, rows []locked, reason string) (ended int, err error) {
	var (
		ids     []string
		hashes  []hash
		entries []invalidation.Entry
		gone    []sessionID
		last    time.Time
	)
	for _, r := range rows {
		if r.Status != Active {
			continue
		}
		sid, err := parseSessionID(r.ID)
		if err != nil {
			return 0, fmt.Errorf("sessions: id of a session: %w", err)
		}
		ids, gone = append(ids, r.ID), append(gone, sid)
		hashes = append(hashes, hashOf(r.TokenHash))
		entries = append(entries, invalidation.Entry{Kind: kindSession, Subject: r.ID})
		if last.Before(r.Cap) {
			last = r.Cap
		}
	}
	if len(ids) == 0 {
		return 0, nil
	}
	now := instant(s.clock.Now())
	buried, err := s.entomb(ctx, tx, hashes, now, last)
	if err != nil {
		return 0, err
	}
	if err := s.store.revoke(ctx, tx, ids, now, reason); err != nil {
		return 0, fmt.Errorf("sessions: revoke: %w", err)
	}
	if err := s.log.Record(ctx, tx, entries...); err != nil {
		return 0, fmt.Errorf("sessions: record a revocation: %w", err)
	}
	database.AfterCommit(ctx, func(ctx context.Context) {
		s.activity.forget(gone)
		s.settle(ctx, buried)
	})
	return len(ids), nil
}

// entomb makes the cache refuse sessions before the database does. It reports false when
// the cache was out of reach and the epoch was raised instead.
func (s *Service) entomb(ctx context.Context, tx bun.Tx, hashes []hash, now, until time.Time) (buried bool, err error) {
	undo, err := s.tombs.bury(ctx, hashes, now, until)
	database.AfterRollback(ctx, func(ctx context.Context) {
		if err := undo(ctx); err != nil {
			s.logger.WarnContext(ctx, "tombstones of a revocation that was rolled back could not be removed; their sessions end",
				"sessions", len(hashes), "err", err)
		}
	})
	if err == nil {
		return true, nil
	}
	s.logger.WarnContext(ctx, "session cache out of reach during a revocation: everything cached is given up", "err", err)
	if err := s.log.BumpEpoch(ctx, tx); err != nil {
		return false, fmt.Errorf("sessions: give up the cache: %w", err)
	}
	return false, nil
}

// settle waits until no replica trusts a value that the revocation did not reach: where
// the epoch was raised, and where it has just changed otherwise, so that a replica that
// knows only one of the two looks for a session under a key without the tombstone. A
// process whose cache nobody shares has nobody to wait for.
func (s *Service) settle(ctx context.Context, buried bool) {
	wait := s.log.WaitSeen
	if buried {
		if !s.tombs.cache.Shared() {
			return
		}
		wait = s.log.Settle
	}
	if err := wait(ctx); err != nil {
		s.logger.WarnContext(ctx, "the wait for other replicas was cut short", "err", err)
	}
}

// endAll revokes the sessions of a user except one, and returns how many there were.
func (s *Service) endAll(ctx context.Context, tx bun.Tx, userID, except, reason string) (int, error) {
	rows, err := s.store.holdAll(ctx, tx, userID, except)
	if err != nil {
		return 0, fmt.Errorf("sessions: hold sessions of a user: %w", err)
	}
	return s.end(ctx, tx, rows, reason)
}

// finishRow revokes a session whose tombstone somebody else wrote. Their transaction may
// just have been rolled back, with the tombstone about to be taken away; before the row's
// change is committed it is made one that stays. Without the cache the tombstone may go, and then the
// invalidation log alone keeps a fill from outliving this.
func (s *Service) finishRow(ctx context.Context, h hash, r *row) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		now := instant(s.clock.Now())
		done, err := s.store.finish(ctx, tx, r.ID, now)
		if err != nil || !done {
			return err
		}
		s.noteCache(ctx, "keep a tombstone", s.tombs.seal(ctx, key(s.log.Epoch(), h), now, r.Cap))
		if err := s.log.Record(ctx, tx, invalidation.Entry{Kind: kindSession, Subject: r.ID}); err != nil {
			return err
		}
		return s.fact(ctx, tx, ended(ActionRevoke, "", "session", r.ID, ReasonFinished, 1))
	})
}
