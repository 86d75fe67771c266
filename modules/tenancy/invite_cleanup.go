package tenancy

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
)

const (
	// inviteKeep is how long an expired invitation can be told from one that never was.
	inviteKeep = 30 * 24 * time.Hour
	// inviteBatch is how many invitations one statement of the clean-up removes.
	inviteBatch = 1000
)

// inviteJobs are the periodic jobs of invitations.
func (s *Service) inviteJobs() []jobs.Periodic {
	return []jobs.Periodic{{
		Name: "cleanup_invites", Doc: "Removes invitations that expired a month ago.",
		Every: time.Hour, Timeout: time.Minute,
		Run: func(ctx context.Context) (jobs.Report, error) {
			n, err := s.CleanupInvites(ctx)
			return jobs.Report{"removed": n}, err
		},
	}}
}

// CleanupInvites removes invitations that expired 30 days ago, and returns how many.
func (s *Service) CleanupInvites(ctx context.Context) (int64, error) {
	before := database.Canonical(s.clock.Now().Add(-inviteKeep))
	var total int64
	for {
		n, err := s.invites.removeExpired(ctx, before, inviteBatch)
		total += n
		if err != nil || n < inviteBatch {
			return total, err
		}
	}
}

// subscriptions are what organizations and invitations hear of. A restored backup brings
// back invitations that were used or cancelled since: none of the links that were mailed
// works any more, and whoever manages them sends those again that still stand.
func (s *Service) subscriptions() []events.Subscription {
	return []events.Subscription{
		events.On(Name+".forget_user", s.forgetUser),
		events.On(Name+".end_invites", func(ctx context.Context, tx bun.Tx, _ events.DataRestored) error {
			return s.invites.expireAll(ctx, tx, s.now())
		}),
	}
}
