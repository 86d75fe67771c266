package compliance

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/events"
)

// Subscriptions are what the policies hear of, inside the transaction that makes it true. The
// rows of a deleted user go with the user's.
func (s *Service) Subscriptions() []events.Subscription {
	return []events.Subscription{
		events.On("identity.mfa.judge_user", func(ctx context.Context, tx bun.Tx, e events.FactorsChanged) error {
			return s.judgeUser(ctx, tx, e.UserID)
		}),
		events.On("identity.mfa.judge_membership", func(ctx context.Context, tx bun.Tx, e events.MembershipChanged) error {
			if e.Member {
				return s.joined(ctx, tx, e.OrganizationID, e.UserID)
			}
			return s.left(ctx, tx, e.OrganizationID, e.UserID)
		}),
		events.On("identity.mfa.forget_organization", s.organizationDeleted),
	}
}

// joined judges somebody who has just become a member. The policy is kept until tx ends, so
// that a walk that begins after another policy was set finds them or they are judged by it.
func (s *Service) joined(ctx context.Context, tx bun.Tx, organizationID, userID string) error {
	if err := s.policies.keep(ctx, tx, organizationID); err != nil {
		return err
	}
	policy, err := s.policies.find(ctx, tx, organizationID)
	if err != nil || policy.Version == 0 {
		return err
	}
	return s.underHold(ctx, tx, []string{userID}, func(b *batch) error {
		if len(b.ids) == 0 {
			return nil
		}
		if err := b.learn(ctx, s.factors); err != nil {
			return err
		}
		p := pair{user: userID, organization: organizationID}
		b.judge(p, policy, b.row(p).Override)
		return nil
	})
}

// left forgets somebody who is no member any more.
func (s *Service) left(ctx context.Context, tx bun.Tx, organizationID, userID string) error {
	return s.underHold(ctx, tx, []string{userID}, func(b *batch) error {
		b.drop(pair{user: userID, organization: organizationID})
		return nil
	})
}

// organizationDeleted forgets what an organization asked, and has its members let go one batch
// after the other.
func (s *Service) organizationDeleted(ctx context.Context, tx bun.Tx, e events.OrganizationDeleted) error {
	if err := s.policies.hold(ctx, tx, e.OrganizationID); err != nil {
		return err
	}
	if err := s.policies.drop(ctx, tx, e.OrganizationID); err != nil {
		return err
	}
	return s.jobs.Enqueue(ctx, tx, Reevaluation{OrganizationID: e.OrganizationID})
}
