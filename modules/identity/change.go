package identity

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/secret"
)

// reasonPasswordChanged is recorded on the sessions that a change of password ends.
const reasonPasswordChanged = "password_changed"

// PasswordChange is a change of a user's own password.
type PasswordChange struct {
	Current, New, Confirm secret.String
	Client                authn.Client
}

// ChangePassword replaces the password of the principal's user and ends every session but
// the principal's. A wrong current password is [apperr.ErrAuthentication] and counts
// towards the account's limit.
func (s *Service) ChangePassword(ctx context.Context, p *authn.Principal, in PasswordChange) error {
	err := s.changePassword(ctx, p, in)
	if err != nil {
		s.refusal(ctx, about(ActionPasswordChange, p.UserID), err)
	}
	return err
}

func (s *Service) changePassword(ctx context.Context, p *authn.Principal, in PasswordChange) error {
	complaints := map[string][]string{}
	if err := s.checkNew(complaints, "new_password", in.New, in.Confirm, p.Account.Email); err != nil {
		return err
	}
	if len(complaints["new_password"]) == 0 && samePassword(in.New, in.Current) {
		complaints["new_password"] = []string{"The new password must differ from the current one."}
	}
	if err := apperr.Fields(complaints); err != nil {
		return err
	}
	proved, err := s.prove(ctx, p.UserID, in.Current, in.Client, true)
	if err != nil {
		return err
	}
	hash, err := s.passwords.Hash(ctx, in.New)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return s.replacePassword(ctx, tx, proved, hash, p.SessionID, p.UserID)
	})
}

// replacePassword stores a new password in the place of the one that was proved, ends every
// session but keep and every token that would get around it, and tells the owner. When the credentials have changed since the proof, the proof is
// worth nothing any more.
func (s *Service) replacePassword(ctx context.Context, tx bun.Tx, proved credential, hash, keep, actorID string) error {
	ok, err := s.store.changePassword(ctx, tx, proved.ID, proved.CredentialVersion, hash, s.now())
	if err != nil {
		return fmt.Errorf("identity: change a password: %w", err)
	}
	if !ok {
		return errWrongPassword
	}
	if err := s.invalidation.Record(ctx, tx, stale(proved.ID)); err != nil {
		return err
	}
	if err := s.tokens.dropCredentials(ctx, tx, proved.ID); err != nil {
		return err
	}
	changed := events.CredentialChanged{UserID: proved.ID, KeepSessionID: keep, Reason: reasonPasswordChanged}
	if err := s.bus.Publish(ctx, tx, changed); err != nil {
		return err
	}
	n := passwordChanged()
	if actorID == "" {
		n = passwordSet()
	}
	if err := s.postman.notify(ctx, tx, &proved.userRow, n); err != nil {
		return err
	}
	f := about(ActionPasswordChange, proved.ID)
	f.ActorID = actorID
	return s.bus.Publish(ctx, tx, f)
}
