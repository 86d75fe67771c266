package factor

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
)

// List returns the passkeys of a user, the oldest first.
func (p *Passkeys) List(ctx context.Context, userID string) ([]Passkey, error) {
	rows, err := p.store.of(ctx, p.db.Read(), userID)
	if err != nil {
		return nil, fmt.Errorf("factor: list passkeys: %w", err)
	}
	all := make([]Passkey, 0, len(rows))
	for i := range rows {
		all = append(all, rows[i].shown())
	}
	return all, nil
}

// Count returns how many passkeys a user has.
func (p *Passkeys) Count(ctx context.Context, userID string) (int64, error) {
	held, err := p.factors.Of(ctx, p.db.Read(), userID)
	if err != nil {
		return 0, fmt.Errorf("factor: count passkeys: %w", err)
	}
	return held.Passkeys, nil
}

// Rename gives a passkey of the user another name. It is [apperr.ErrNotFound] when the user
// has none of that credential id.
func (p *Passkeys) Rename(ctx context.Context, userID, credentialID, name string) (Passkey, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(credentialID)
	if err != nil {
		return Passkey{}, apperr.ErrNotFound
	}
	var row passkeyRow
	err = p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err = scanPasskey(p.store.rename.In(tx).QueryRow(ctx, name, userID, raw).Scan)
		switch {
		case database.IsNotFound(err):
			return apperr.ErrNotFound
		case err != nil:
			return fmt.Errorf("factor: rename a passkey: %w", err)
		}
		return p.bus.Publish(ctx, tx, aboutPasskey(ActionPasskeyRename, userID, row.ID))
	})
	return row.shown(), err
}

// Delete gives a passkey of the principal up and ends every session but the principal's. It
// is [apperr.ErrNotFound] when the user has none of that credential id, and
// [ErrLastPasskey] for the last one of a user without an authenticator app, who would be
// left without any second factor: it is replaced by adding another one first.
func (p *Passkeys) Delete(ctx context.Context, who *authn.Principal, credentialID string) error {
	err := p.delete(ctx, who, credentialID)
	if err != nil {
		p.refusal(ctx, about(ActionPasskeyDelete, who.UserID), err)
	}
	return err
}

func (p *Passkeys) delete(ctx context.Context, who *authn.Principal, credentialID string) error {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(credentialID)
	if err != nil {
		return apperr.ErrNotFound
	}
	return p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		// The user is held, so that of two deletions at one instant one finds the last.
		account, err := p.hold(ctx, tx, who.UserID)
		if err != nil {
			return err
		}
		row, err := scanPasskey(p.store.remove.In(tx).QueryRow(ctx, who.UserID, raw).Scan)
		switch {
		case database.IsNotFound(err):
			return apperr.ErrNotFound
		case err != nil:
			return fmt.Errorf("factor: delete a passkey: %w", err)
		}
		held, err := p.factors.Of(ctx, tx, who.UserID)
		switch {
		case err != nil:
			return fmt.Errorf("factor: count passkeys: %w", err)
		case !held.Any():
			return ErrLastPasskey
		}
		err = p.credentials.CredentialsChanged(ctx, tx, Change{
			UserID: who.UserID, KeepSessionID: who.SessionID, Reason: reasonPasskeyDeleted, SecondFactor: held.Any(),
		})
		if err != nil {
			return err
		}
		if err := p.notices.Tell(ctx, tx, account.Email, passkeyDeleted(row.Name)); err != nil {
			return err
		}
		return p.bus.Publish(ctx, tx, aboutPasskey(ActionPasskeyDelete, who.UserID, row.ID))
	})
}
