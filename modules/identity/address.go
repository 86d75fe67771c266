package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

// EmailChange is a user's wish for another address.
type EmailChange struct {
	Email   string
	Current secret.String
	Client  authn.Client
}

// RequestEmailChange mails a link to the address that the principal's user wants, and a
// notice to the one that they have. The account changes when the link is followed. It is
// [ErrEmailTaken] for the address of somebody else, and [apperr.ErrRateLimited] for one that
// was asked for too often. A wrong current password is [apperr.ErrAuthentication] and counts
// towards the account's limit.
func (s *Service) RequestEmailChange(ctx context.Context, p *authn.Principal, in EmailChange) error {
	err := s.requestEmailChange(ctx, p, in)
	if err != nil {
		s.refusal(ctx, about(ActionEmailChangeRequest, p.UserID), err)
	}
	return err
}

func (s *Service) requestEmailChange(ctx context.Context, p *authn.Principal, in EmailChange) error {
	email, ok := ParseEmail(in.Email)
	if !ok {
		return apperr.Field("email", "Not a valid email address.")
	}
	proved, err := s.prove(ctx, p.UserID, in.Current, in.Client, true)
	if err != nil {
		return err
	}
	if email == proved.Email {
		return apperr.Field("email", "The account has this address already.")
	}
	if err := s.postman.mayMail(ctx, PurposeChange, email); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		held, err := s.hold(ctx, tx, p.UserID)
		if err != nil {
			return err
		}
		if held.CredentialVersion != proved.CredentialVersion {
			return errWrongPassword
		}
		if err := s.refuseTaken(ctx, tx, email); err != nil {
			return err
		}
		err = s.postman.sendToken(ctx, tx, &held.userRow, PurposeChange, email)
		if errors.Is(err, errNoLetter) {
			return apperr.Field("email", "No mail can be sent to this address.")
		}
		if err != nil {
			return err
		}
		if err := s.postman.notify(ctx, tx, &held.userRow, emailChangeRequested(email)); err != nil {
			return err
		}
		f := about(ActionEmailChangeRequest, p.UserID)
		f.Personal, f.PersonalOf = map[string]string{"email": email}, p.UserID
		return s.bus.Publish(ctx, tx, f)
	})
}

// refuseTaken is [ErrEmailTaken] for the address of an account. Whether it is still free
// when it is confirmed is decided by the constraint.
func (s *Service) refuseTaken(ctx context.Context, tx bun.Tx, email string) error {
	var found authn.Person
	err := s.store.person.In(tx).QueryRow(ctx, email).Scan(personFields(&found)...)
	switch {
	case err == nil:
		return ErrEmailTaken
	case database.IsNotFound(err):
		return nil
	default:
		return fmt.Errorf("identity: find a user by email: %w", err)
	}
}

// replaceEmail gives a user, who is held, the address that they have proved. Sessions live
// on; every token that was mailed to the old address is worth nothing any more.
func (s *Service) replaceEmail(ctx context.Context, tx bun.Tx, old userRow, email string) (userRow, error) {
	r, err := s.store.changeEmail(ctx, tx, old.ID, email, s.now())
	if database.IsUnique(err, emailKey) {
		return r, ErrEmailTaken
	}
	if err != nil {
		return r, fmt.Errorf("identity: change an address: %w", err)
	}
	if err := s.tokens.drop(ctx, tx, r.ID); err != nil {
		return r, err
	}
	if err := s.postman.notify(ctx, tx, &old, emailChanged(email)); err != nil {
		return r, err
	}
	f := about(ActionEmailChange, r.ID)
	f.Personal, f.PersonalOf = map[string]string{"email": email, "old_email": old.Email}, r.ID
	return r, s.publishChange(ctx, tx, r.ID, f)
}
