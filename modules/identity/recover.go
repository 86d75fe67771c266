package identity

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/secret"
)

// reasonPasswordReset is recorded on the sessions that a recovery ends.
const reasonPasswordReset = "password_reset"

// RequestReset has a mail sent with which a new password can be chosen, if the address has
// an account. Nobody is told whether it has. What is no address is a validation error.
func (s *Service) RequestReset(ctx context.Context, email string, client authn.Client) error {
	return s.request(ctx, PurposeReset, email, client)
}

// Reset is a new password that the bearer of a token chooses.
type Reset struct {
	// Token came by mail.
	Token             string
	Password, Confirm secret.String
	Client            authn.Client
}

// ResetPassword uses up a token that was mailed for it, replaces the password and ends every
// session. The mail has proved the address, which is verified then; if it was not before,
// whatever else was prepared on the account is nobody's and ends as well. It signs nobody in
// and changes no status. What is wrong with the input is one validation error and leaves the
// token alone; a token that cannot be used is [ErrTokenGone].
func (s *Service) ResetPassword(ctx context.Context, in Reset) error {
	hash, ok := parseToken(in.Token)
	complaints, err := s.complaintsOfReset(in, "")
	if err == nil {
		err = apperr.Fields(complaints)
	}
	if err != nil || !ok {
		return err
	}
	seen, r, err := s.openToken(ctx, hash, PurposeReset)
	if err == nil {
		err = s.resetPassword(ctx, in, hash, seen, &r)
	}
	if err != nil {
		s.refusal(ctx, events.Fact{Action: ActionPasswordReset, ResourceType: "user", ResourceID: seen.UserID}, err)
		return err
	}
	// The owner reads the mail here: strangers' guesses slow them down no more.
	s.guard.Know(context.WithoutCancel(ctx), r.Email, in.Client)
	return nil
}

// complaintsOfReset returns what is wrong with the input, by field. email is that of the
// account; empty when it is not known.
func (s *Service) complaintsOfReset(in Reset, email string) (map[string][]string, error) {
	complaints := map[string][]string{}
	if _, ok := parseToken(in.Token); !ok {
		complaints["token"] = []string{msgMalformed}
	}
	return complaints, s.checkNew(complaints, "password", in.Password, in.Confirm, email)
}

// resetPassword hashes the new password, and does the rest in one transaction.
func (s *Service) resetPassword(ctx context.Context, in Reset, hash []byte, seen tokenRow, r *userRow) error {
	complaints, err := s.complaintsOfReset(in, r.Email)
	if err != nil {
		return err
	}
	if err := apperr.Fields(complaints); err != nil {
		return err
	}
	password, err := s.passwords.Hash(ctx, in.Password)
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, held, err := s.redeem(ctx, tx, hash, seen)
		if err != nil {
			return err
		}
		return s.recover(ctx, tx, held.userRow, password)
	})
	return s.resolveReset(ctx, err, seen.UserID, password)
}

// recover gives the account of a user, who is held, to whoever has proved to read its mail.
func (s *Service) recover(ctx context.Context, tx bun.Tx, r userRow, password string) error {
	ok, err := s.store.recoverPassword(ctx, tx, r.ID, r.CredentialVersion, password, s.now())
	if err != nil {
		return fmt.Errorf("identity: reset a password: %w", err)
	}
	if !ok {
		return ErrTokenGone
	}
	if err := s.tokens.drop(ctx, tx, r.ID); err != nil {
		return err
	}
	if err := s.bus.Publish(ctx, tx, events.CredentialChanged{UserID: r.ID, Reason: reasonPasswordReset}); err != nil {
		return err
	}
	if err := s.firstProof(ctx, tx, r); err != nil {
		return err
	}
	if err := s.postman.tell(ctx, tx, r.Email, passwordReset()); err != nil {
		return err
	}
	return s.publishChange(ctx, tx, r.ID, about(ActionPasswordReset, r.ID))
}

// resolveReset finds out what became of a transaction whose commit was not answered: the
// password is the new one or not.
func (s *Service) resolveReset(ctx context.Context, err error, userID, password string) error {
	var unknown *database.CommitUnknown
	if !errors.As(err, &unknown) {
		return err
	}
	if c, lost := s.store.findCredential(ctx, userID); lost != nil || c.hash != password {
		return err
	}
	return nil
}
