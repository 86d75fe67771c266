package tenancy

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/jobs"
)

const (
	// reconcileEvery is how often deletions are caught up with that happened while this
	// module was switched off.
	reconcileEvery   = time.Hour
	reconcileTimeout = time.Minute
	// reconcileBatch is how many deletion marks are looked at together.
	reconcileBatch = 500
	// reconcileLag is how old a mark must be to be left behind for good: another that is a
	// little older may still become visible, because a mark is as old as the beginning of
	// its transaction.
	reconcileLag = time.Minute
)

// Reconcile ends the memberships of users who were deleted while this module was switched
// off, and finds new owners or an end for organizations that are left without one. Without
// new deletions it is two reads.
func (s *Service) Reconcile(ctx context.Context) (jobs.Report, error) {
	report := jobs.Report{"deletions": 0, "users": 0}
	after, err := s.store.findProgress(ctx)
	if err != nil {
		return report, err
	}
	settled := s.now().Add(-reconcileLag)
	for {
		marks, err := s.people.UsersDeleted(ctx, s.db.Read(), after, reconcileBatch)
		if err != nil || len(marks) == 0 {
			return report, err
		}
		users, err := s.catchUp(ctx, marks)
		report["deletions"] += int64(len(marks))
		report["users"] += users
		if err != nil {
			return report, err
		}
		if err := s.settle(ctx, marks, settled); err != nil || len(marks) < reconcileBatch {
			return report, err
		}
		after = marks[len(marks)-1]
	}
}

// catchUp forgets the users of the marks and returns how many there was something of.
func (s *Service) catchUp(ctx context.Context, marks []authn.DeletionMark) (int64, error) {
	gone := make([]string, len(marks))
	for i, m := range marks {
		gone[i] = m.ID
	}
	found, err := s.store.membersAmong(ctx, gone)
	if err != nil {
		return 0, err
	}
	for i, userID := range found {
		err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			return s.forget(ctx, tx, userID, "", "", reasonGone)
		})
		if err != nil {
			return int64(i), err
		}
	}
	return int64(len(found)), nil
}

// settle notes the last of the marks that will not be looked at again.
func (s *Service) settle(ctx context.Context, marks []authn.DeletionMark, settled time.Time) error {
	for i := len(marks) - 1; i >= 0; i-- {
		if !marks[i].At.After(settled) {
			return s.store.saveProgress(ctx, marks[i])
		}
	}
	return nil
}
