package tenancy

import (
	"context"
	"errors"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
)

// InvitingOrganization is what somebody who is invited sees of the organization.
type InvitingOrganization struct {
	ID   string `json:"id" format:"uuid"`
	Name string `json:"name"`
}

// ReceivedInvite is an invitation as whoever received it sees it.
type ReceivedInvite struct {
	ID           string               `json:"id" format:"uuid"`
	Email        string               `json:"email" format:"idn-email"`
	Organization InvitingOrganization `json:"organization"`
	Role         Role                 `json:"role" enum:"owner,admin,member,guest" doc:"Role that you would get."`
	ExpiresAt    time.Time            `json:"expires_at"`
	CreatedAt    time.Time            `json:"created_at"`
}

// InvitePreview is what the token of an invitation shows.
type InvitePreview struct {
	Email        string               `json:"email" format:"idn-email" doc:"Address that the invitation is for."`
	Organization InvitingOrganization `json:"organization"`
	Role         Role                 `json:"role" enum:"owner,admin,member,guest" doc:"Role that whoever accepts gets."`
	UserExists   bool                 `json:"user_exists" doc:"True when the address has an account: its owner signs in to accept. Otherwise accepting makes one."`
}

// ErrInviteExpired means that an invitation must be sent again.
var ErrInviteExpired = apperr.ErrGone.WithMessage("This invitation has expired. Ask for a new one.")

// Invites returns up to limit invitations of an organization after the given one, oldest
// first and expired ones too, to a member who may see them, and the id of the last when
// there are more.
func (s *Service) Invites(ctx context.Context, userID, organizationID, after string, limit int) (list []Invite, next string, err error) {
	role, list, err := s.invites.page(ctx, userID, organizationID, after, limit+1)
	if err != nil {
		return nil, "", err
	}
	if err := judge(ctx, organizationID, role, authn.PermissionInvitesRead); err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].ID
	}
	return list, next, nil
}

// ReceivedInvites returns up to limit invitations to the principal's address that can be
// accepted, those after the given one, oldest first, and the id of the last when there are
// more. An address that its user has not proved to own shows none: whoever registered with
// somebody else's address would learn who invites them.
func (s *Service) ReceivedInvites(ctx context.Context, p *authn.Principal, after string, limit int) (list []ReceivedInvite, next string, err error) {
	if !p.Account.EmailVerified {
		return []ReceivedInvite{}, "", nil
	}
	list, err = s.invites.received(ctx, p, after, s.now(), limit+1)
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].ID
	}
	return list, next, nil
}

// PreviewInvite shows the invitation with the token. It is [apperr.ErrNotFound] for a token
// that is unknown, used, cancelled or replaced, whichever it is, and [ErrInviteExpired] for
// one that is too old.
func (s *Service) PreviewInvite(ctx context.Context, token string) (InvitePreview, error) {
	invite, organization, err := s.openInvite(ctx, token)
	if err != nil {
		return InvitePreview{}, err
	}
	person, err := s.invited(ctx, invite.Email)
	if err != nil {
		return InvitePreview{}, err
	}
	return InvitePreview{
		Email: invite.Email, Organization: InvitingOrganization{ID: invite.OrganizationID, Name: organization},
		Role: invite.Role, UserExists: person.ID != "",
	}, nil
}

// openInvite returns the invitation with the token and the organization's name. Every wrong
// token costs one look-up by its hash.
func (s *Service) openInvite(ctx context.Context, token string) (Invite, string, error) {
	invite, organization, err := s.invites.findByToken(ctx, crypto.HashToken(token))
	if err == nil && invite.expired(s.now()) {
		err = ErrInviteExpired
	}
	return invite, organization, err
}

// invited returns the user whom an address belongs to; nobody when it is free.
func (s *Service) invited(ctx context.Context, email string) (authn.Person, error) {
	person, err := s.people.PersonByEmail(ctx, s.db.Read(), email)
	if errors.Is(err, apperr.ErrNotFound) {
		return authn.Person{}, nil
	}
	return person, err
}
