package factor

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/id"
)

// judge checks an assertion against the passkeys of the owner, and returns the one that made
// it, as it is after this use, with the methods that it proves. An answer to a decoy is
// refused here, after the same look-ups as any other.
func (p *Passkeys) judge(ctx context.Context, c ceremony, owner string, parsed *protocol.ParsedCredentialAssertionData) (*passkeyRow, []string, error) {
	rows, err := p.store.of(ctx, p.db.Read(), owner)
	if err != nil {
		return nil, nil, fmt.Errorf("factor: list passkeys: %w", err)
	}
	if c.Decoy {
		return nil, nil, ErrPasskey.Wrap(errors.New("the address had no passkeys"))
	}
	used, err := p.party.ValidateLogin(newHolder(owner, rows), c.session(p.config.ID, owner), parsed)
	switch {
	case err != nil:
		return nil, nil, ErrPasskey.Wrap(err)
	case used.Authenticator.CloneWarning:
		return nil, nil, ErrPasskey.Wrap(errors.New("the counter of the passkey did not rise: there may be a copy of it"))
	}
	for i := range rows {
		if r := &rows[i]; bytes.Equal(r.CredentialID, used.ID) {
			flags := parsed.Response.AuthenticatorData.Flags
			r.SignCount, r.Credential.Flags = int64(parsed.Response.AuthenticatorData.Counter), byte(flags)
			methods := []string{MethodPasskey}
			if flags.HasUserVerified() {
				methods = append(methods, MethodUser)
			}
			return r, methods, nil
		}
	}
	return nil, nil, ErrPasskey.Wrap(errors.New("the passkey is none of the user's"))
}

// use notes the use of a passkey in tx. Of many callers with one assertion one succeeds, and
// what was begun in tx for the others is rolled back by [ErrPasskey].
func (p *Passkeys) use(ctx context.Context, tx bun.Tx, row *passkeyRow) error {
	ok, err := p.store.used(ctx, tx, row, p.now())
	switch {
	case err != nil:
		return fmt.Errorf("factor: use a passkey: %w", err)
	case !ok:
		return ErrPasskey.Wrap(errors.New("the passkey is gone, or its counter did not rise: there may be a copy of it"))
	}
	return p.bus.Publish(ctx, tx, aboutPasskey(ActionPasskeyLoggedIn, row.UserID, row.ID))
}

// canonicalUser returns the user id that a user handle holds; empty when it holds none.
func canonicalUser(handle []byte) string {
	userID, ok := id.Parse(string(handle))
	if !ok || userID != string(handle) {
		return ""
	}
	return userID
}
