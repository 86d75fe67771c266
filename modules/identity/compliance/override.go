package compliance

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/id"
)

// roleOwner is the one role above those that may manage policies.
const roleOwner = "owner"

// SetOverride decides about one member what the policy decides about all, judges them by it at
// once, and returns it. Owners alone decide about owners. It is [apperr.ErrNotFound] for
// somebody who is no member.
func (s *Service) SetOverride(ctx context.Context, actorID, organizationID, userID string, o Override) (Override, error) {
	o = o.normal()
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		m, err := s.authorizer.Authorize(ctx, tx, actorID, organizationID, authn.PermissionPoliciesManage)
		if err != nil {
			return err
		}
		if !o.Mode.Valid() {
			return apperr.Field("mfa_override_mode", "Must be one of: inherit, required, exempt.")
		}
		p, err := parsePair(m.OrganizationID, userID)
		if err != nil {
			return err
		}
		return s.underHold(ctx, tx, []string{p.user}, func(b *batch) error {
			member, err := s.memberUnderHold(ctx, b, p)
			if err != nil {
				return err
			}
			if member.Role == roleOwner && m.Role != roleOwner {
				return apperr.ErrAuthorization
			}
			policy, err := s.policies.find(ctx, tx, p.organization)
			if err != nil {
				return err
			}
			if err := b.learn(ctx, s.factors); err != nil {
				return err
			}
			old := b.row(p).Override
			b.judge(p, policy, o)
			if old == o {
				return nil
			}
			return s.bus.Publish(ctx, tx, aboutMember(ActionOverride, m.UserID, p.organization, p.user, overrideMetadata(old, o)))
		})
	})
	return o, err
}

// parsePair names the row of a user; what is no id is nobody's.
func parsePair(organizationID, userID string) (pair, error) {
	user, ok := id.Parse(userID)
	if !ok {
		return pair{}, apperr.ErrNotFound
	}
	return pair{user: user, organization: organizationID}, nil
}

// memberUnderHold returns the membership of a user who is held, [apperr.ErrNotFound] when
// there is none, or no such user.
func (s *Service) memberUnderHold(ctx context.Context, b *batch, p pair) (authn.Membership, error) {
	if len(b.ids) == 0 {
		return authn.Membership{}, apperr.ErrNotFound
	}
	return s.members.MembershipOf(ctx, b.tx, p.organization, p.user)
}
