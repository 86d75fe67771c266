package tenancy

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
)

// ResendInvite mails an invitation again, with a new token and its whole time before it;
// the token that was mailed before is worth nothing any more. It is [apperr.ErrNotFound]
// for an invitation that does not wait here, also when it was accepted meanwhile.
func (s *Service) ResendInvite(ctx context.Context, p *authn.Principal, organizationID, inviteID string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		o, err := s.holdForInvites(ctx, tx, p.UserID, organizationID)
		if err != nil {
			return err
		}
		now, token := s.now(), s.tokens.New()
		invite, err := s.invites.renew(ctx, tx, organizationID, inviteID, crypto.HashToken(token.Reveal()), now.Add(inviteLife), now)
		if err != nil {
			return err
		}
		if err := o.Role.mayTouch(invite.Role); err != nil {
			return err
		}
		person, err := s.refuseMember(ctx, tx, organizationID, invite.Email)
		if err != nil {
			return err
		}
		return s.sendInvite(ctx, tx, p, ActionInviteResend, o, invite, token, person.ID)
	})
}

// CancelInvite takes an invitation back. It is [apperr.ErrNotFound] for one that does not
// wait here, also when it was accepted meanwhile.
func (s *Service) CancelInvite(ctx context.Context, userID, organizationID, inviteID string) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		o, err := s.holdForInvites(ctx, tx, userID, organizationID)
		if err != nil {
			return err
		}
		invite, err := s.invites.cancel(ctx, tx, organizationID, inviteID)
		if err != nil {
			return err
		}
		if err := o.Role.mayTouch(invite.Role); err != nil {
			return err
		}
		f := aboutInvite(ActionInviteCancel, userID, invite)
		f.Personal = map[string]string{"email": invite.Email}
		return s.bus.Publish(ctx, tx, f)
	})
}

// withdrawMade takes back what a member invited others to and may not give any more under
// the role they have now, empty for none: nobody leaves a door open for themselves. The
// organization is held.
func (s *Service) withdrawMade(ctx context.Context, tx bun.Tx, organizationID, memberID string, role Role) error {
	var beyond []string
	for _, r := range Roles() {
		if !role.Grants(authn.PermissionInvitesManage) || r.Above(role) {
			beyond = append(beyond, string(r))
		}
	}
	if len(beyond) == 0 {
		return nil
	}
	return s.invites.withdrawMade(ctx, tx, organizationID, memberID, beyond)
}

// withdrawInvites takes back what invites a user into an organization that is held and
// which they cease to belong to, so that no mail from before lets them in again.
func (s *Service) withdrawInvites(ctx context.Context, tx bun.Tx, organizationID, userID string) error {
	people, err := s.people.PeopleOf(ctx, tx, []string{userID})
	if err != nil {
		return err
	}
	if p, ok := people[userID]; ok {
		return s.invites.withdraw(ctx, tx, organizationID, p.Email)
	}
	return nil
}
