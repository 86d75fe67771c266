package tenancy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/secret"
)

// inviteLife is how long the token of an invitation can be used.
const inviteLife = 7 * 24 * time.Hour

// Invite is an invitation that waits for its answer, as those who manage them see it. Its
// token is in the mail and nowhere else.
type Invite struct {
	ID             string    `json:"id" format:"uuid"`
	OrganizationID string    `json:"organization_id" format:"uuid"`
	Email          string    `json:"email" format:"idn-email" doc:"Address that the invitation was mailed to."`
	Role           Role      `json:"role" enum:"owner,admin,member,guest" doc:"Role that whoever accepts it gets."`
	InvitedByID    string    `json:"invited_by_id" format:"uuid"`
	ExpiresAt      time.Time `json:"expires_at" doc:"From then on the invitation must be sent again."`
	CreatedAt      time.Time `json:"created_at"`
	UpdatedAt      time.Time `json:"updated_at" doc:"When it was sent last."`
}

// expired reports whether the token is too old at now.
func (i *Invite) expired(now time.Time) bool { return !now.Before(i.ExpiresAt) }

// NewInvite is whom somebody wants in an organization, and as what.
type NewInvite struct {
	Email string
	Role  Role
}

// Invite invites an address into an organization on behalf of the principal, whose role
// must grant it and be no lower than the one that is offered. An invitation that the
// address has already is replaced: its token is worth nothing any more. It is [ErrMember]
// for the address of a member. The mail leaves with the commit.
func (s *Service) Invite(ctx context.Context, p *authn.Principal, organizationID string, n NewInvite) (Invite, error) {
	email, ok := httpx.NormalEmail(n.Email)
	if !ok {
		return Invite{}, apperr.Field("email", "Not a valid email address.")
	}
	var invite Invite
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		o, err := s.holdForInvites(ctx, tx, p.UserID, organizationID)
		if err != nil {
			return err
		}
		if err := o.Role.mayTouch(n.Role); err != nil {
			return err
		}
		person, err := s.refuseMember(ctx, tx, organizationID, email)
		if err != nil {
			return err
		}
		now, token := s.now(), s.tokens.New()
		if err := s.mayReplace(ctx, tx, o, email, now); err != nil {
			return err
		}
		invite = Invite{
			ID: s.ids.New(), OrganizationID: organizationID, Email: email, Role: n.Role, InvitedByID: p.UserID,
			ExpiresAt: now.Add(inviteLife), CreatedAt: now, UpdatedAt: now,
		}
		if err := s.invites.put(ctx, tx, &invite, crypto.HashToken(token.Reveal())); err != nil {
			return err
		}
		return s.sendInvite(ctx, tx, p, ActionInvite, o, invite, token, person.ID)
	})
	return invite, err
}

// holdForInvites holds an organization on behalf of a member who may manage invitations,
// and returns it with their role.
func (s *Service) holdForInvites(ctx context.Context, tx bun.Tx, userID, organizationID string) (organizationRow, error) {
	if err := s.store.hold(ctx, tx, userID, organizationID); err != nil {
		return organizationRow{}, err
	}
	o, _, err := s.store.readOrganization(ctx, tx, userID, organizationID, authn.PermissionInvitesManage)
	return o, err
}

// refuseMember returns the user with the address, nobody when there is none, and
// [ErrMember] when they are a member of the organization, which is held.
func (s *Service) refuseMember(ctx context.Context, tx bun.Tx, organizationID, email string) (authn.Person, error) {
	person, err := s.people.PersonByEmail(ctx, tx, email)
	if err != nil {
		if errors.Is(err, apperr.ErrNotFound) {
			err = nil
		}
		return authn.Person{}, err
	}
	_, err = s.store.findMember(ctx, tx, person.ID, organizationID)
	switch {
	case err == nil:
		return person, ErrMember
	case errors.Is(err, apperr.ErrNotFound):
		return person, nil
	default:
		return person, err
	}
}

// mayReplace refuses to replace the invitation to a role above that of whoever invites. One
// that expired is nothing to be replaced.
func (s *Service) mayReplace(ctx context.Context, tx bun.Tx, o organizationRow, email string, now time.Time) error {
	old, err := s.invites.findByEmail(ctx, tx, o.ID, email)
	switch {
	case errors.Is(err, apperr.ErrNotFound):
		return nil
	case err != nil:
		return err
	case old.expired(now):
		return nil
	default:
		return o.Role.mayTouch(old.Role)
	}
}

// sendInvite mails the token and records the fact. personID is the user who has the
// address; empty when nobody has.
func (s *Service) sendInvite(
	ctx context.Context, tx bun.Tx, p *authn.Principal, action string, o organizationRow, i Invite, token secret.String, personID string,
) error {
	inviter := "" // whoever registered with another's address does not write in their name
	if p.Account.EmailVerified {
		inviter = p.Account.Email
	}
	l := inviteMail{organization: o.Name, inviter: inviter, link: s.inviteLink(token), invite: i}.letter()
	m, err := s.composer.Compose(l)
	if err != nil {
		return fmt.Errorf("tenancy: write an invitation: %w", err)
	}
	if err := s.outbox.Send(ctx, tx, m); err != nil {
		return err
	}
	f := aboutInvite(action, p.UserID, i)
	f.Personal, f.PersonalOf = map[string]string{"email": i.Email}, personID
	return s.bus.Publish(ctx, tx, f)
}

// aboutInvite is the fact of something that was done with an invitation.
func aboutInvite(action, actorID string, i Invite) events.Fact {
	return events.Fact{
		Action: action, ActorID: actorID, ResourceType: resourceInvite, ResourceID: i.ID,
		OrganizationID: i.OrganizationID, Success: true, Metadata: map[string]string{"role": string(i.Role)},
	}
}
