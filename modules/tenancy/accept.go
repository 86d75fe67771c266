package tenancy

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

var (
	// ErrOtherAddress refuses an invitation to whoever is signed in as somebody else.
	ErrOtherAddress = apperr.ErrAuthorization.WithMessage("This invitation is for another email address.")
	// errTaken means that the invited address got its account while another was made for it.
	errTaken = errors.New("tenancy: the invited address has an account by now")
)

// Acceptance is somebody's wish to accept an invitation.
type Acceptance struct {
	// Token came by mail.
	Token string
	// Principal is who is signed in; nil is nobody.
	Principal *authn.Principal
	// FullName, Password and Confirm are for the account of somebody who has none.
	FullName          string
	Password, Confirm secret.String
	Client            authn.Client
}

// Accepted is how an invitation was accepted.
type Accepted struct {
	// Account is that of the new member.
	Account authn.Account
	// Session is that of an account which this made; nil otherwise.
	Session *authn.IssuedSession
	// Organization is what they belong to now.
	Organization Organization
}

// AcceptInvite makes whoever brings the token a member. Somebody who has an account must be
// signed in to it: [apperr.ErrAuthRequired] when nobody is, [ErrOtherAddress] when somebody
// else is. Anybody else gets an account, whose address the mail has proved, and a session.
// A token works once, however many bring it: for the others it is [apperr.ErrNotFound], as
// one that was cancelled or replaced, and [ErrInviteExpired] when it is too old. Somebody
// who became a member in another way meanwhile gets [ErrMember].
func (s *Service) AcceptInvite(ctx context.Context, in Acceptance) (Accepted, error) {
	done, err := s.accept(ctx, in)
	if errors.Is(err, errTaken) {
		// Either the token was used for that, or somebody registered: look again.
		done, err = s.accept(ctx, in)
	}
	if errors.Is(err, errTaken) {
		err = apperr.ErrConflict.Wrap(err)
	}
	return done, err
}

func (s *Service) accept(ctx context.Context, in Acceptance) (Accepted, error) {
	invite, _, err := s.openInvite(ctx, in.Token)
	if err != nil {
		return Accepted{}, err
	}
	person, err := s.invited(ctx, invite.Email)
	switch {
	case err != nil:
		return Accepted{}, err
	case in.Principal == nil && person.ID == "":
		return s.acceptAsNewcomer(ctx, in, invite)
	case in.Principal == nil:
		return Accepted{}, apperr.ErrAuthRequired.WithMessage("Sign in to the account of this email address to accept.")
	case in.Principal.UserID != person.ID:
		return Accepted{}, ErrOtherAddress
	}
	return s.acceptAsUser(ctx, in, invite)
}

// acceptAsUser lets a user in who is signed in.
func (s *Service) acceptAsUser(ctx context.Context, in Acceptance, invite Invite) (Accepted, error) {
	p := in.Principal
	done := Accepted{Account: p.Account}
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		err := s.people.HoldUser(ctx, tx, p.UserID)
		if errors.Is(err, apperr.ErrNotFound) {
			return apperr.ErrInvalidToken // a user who is gone has no session any more either
		}
		if err != nil {
			return err
		}
		// Whose the address is was judged before the user was held.
		person, err := s.people.PersonByEmail(ctx, tx, invite.Email)
		if err != nil && !errors.Is(err, apperr.ErrNotFound) {
			return err
		}
		if person.ID != p.UserID {
			return ErrOtherAddress
		}
		done.Organization, err = s.letIn(ctx, tx, p.UserID, in.Token, invite)
		return err
	})
	return done, s.resolveAccept(ctx, err, p.UserID, invite)
}

// acceptAsNewcomer makes an account for the invited address, lets its owner in and signs
// them in; all of it happens or nothing.
func (s *Service) acceptAsNewcomer(ctx context.Context, in Acceptance, invite Invite) (Accepted, error) {
	if err := in.complete(); err != nil {
		return Accepted{}, err
	}
	create, err := s.registrar.PrepareAccount(ctx, authn.NewAccount{
		Email: invite.Email, EmailVerified: true, FullName: in.FullName, Password: in.Password, Confirm: in.Confirm,
	})
	if err != nil {
		return Accepted{}, err
	}
	var done Accepted
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) (err error) {
		done = Accepted{}
		if done.Account, err = create(ctx, tx); errors.Is(err, apperr.ErrConflict) {
			return fmt.Errorf("%w: %w", errTaken, err)
		}
		if err != nil {
			return err
		}
		if done.Organization, err = s.letIn(ctx, tx, done.Account.UserID, in.Token, invite); err != nil {
			return err
		}
		return s.signIn(ctx, tx, &done, in.Client)
	})
	return done, s.resolveAccept(ctx, err, done.Account.UserID, invite)
}

// complete complains of what an account cannot be made without.
func (in Acceptance) complete() error {
	const missing = "Missing data for required field."
	complaints := map[string][]string{}
	if in.Password.Empty() {
		complaints["password"] = []string{missing}
	}
	if in.Confirm.Empty() {
		complaints["password_confirm"] = []string{missing}
	}
	return apperr.Fields(complaints)
}

// letIn takes the invitation with the token and makes the user, who is held, a member. It
// is judged again under the hold of the organization: what was read before may be over.
func (s *Service) letIn(ctx context.Context, tx bun.Tx, userID, token string, seen Invite) (Organization, error) {
	inviter, err := s.holdInviter(ctx, tx, seen.InvitedByID)
	if err != nil {
		return Organization{}, err
	}
	if err := s.invites.holdOrganization(ctx, tx, seen.OrganizationID); err != nil {
		return Organization{}, err
	}
	invite, err := s.invites.redeem(ctx, tx, crypto.HashToken(token))
	if err != nil {
		return Organization{}, err
	}
	if invite.expired(s.now()) {
		return Organization{}, ErrInviteExpired
	}
	_, joined, err := s.join(ctx, tx, memberRow{
		OrganizationID: invite.OrganizationID, UserID: userID, Role: invite.Role, InvitedByID: inviter, InvitedAt: invite.CreatedAt,
	})
	if err != nil {
		return Organization{}, err
	}
	if !joined {
		return Organization{}, ErrMember
	}
	if err := s.bus.Publish(ctx, tx, aboutInvite(ActionInviteAccept, userID, invite)); err != nil {
		return Organization{}, err
	}
	o, _, err := s.store.findOrganization(ctx, tx, userID, invite.OrganizationID)
	return o.Organization, err
}

// holdInviter keeps whoever invited from being deleted before the membership that names
// them is there; nil when they are gone already. Users are held before organizations.
func (s *Service) holdInviter(ctx context.Context, tx bun.Tx, userID string) (*string, error) {
	err := s.people.HoldUser(ctx, tx, userID)
	switch {
	case errors.Is(err, apperr.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return &userID, nil
}

// signIn completes the sign-in of a newcomer, where there are sessions.
func (s *Service) signIn(ctx context.Context, tx bun.Tx, done *Accepted, client authn.Client) error {
	if !s.issuer.Enabled() {
		return nil
	}
	const password = "pwd" // RFC 8176 §2
	outcome, err := s.issuer.CompleteSignIn(ctx, tx, authn.Attempt{
		Account: done.Account, Flow: authn.FlowRegister, Methods: []string{password}, Client: client,
	})
	if err != nil {
		return err
	}
	if outcome.Session != nil {
		done.Session, done.Account = outcome.Session, outcome.Session.Account
	}
	return nil
}

// resolveAccept finds out what became of a transaction whose commit was not answered: whoever
// is a member now was let in by it.
func (s *Service) resolveAccept(ctx context.Context, err error, userID string, invite Invite) error {
	var unknown *database.CommitUnknown
	if !errors.As(err, &unknown) {
		return err
	}
	if _, lost := s.store.findMember(ctx, s.db.Read(), userID, invite.OrganizationID); lost != nil {
		return err
	}
	return nil
}
