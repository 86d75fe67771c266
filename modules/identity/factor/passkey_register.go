package factor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
)

// BeginRegistration returns the options by which the principal's browser makes a passkey.
func (p *Passkeys) BeginRegistration(ctx context.Context, who *authn.Principal) (CreationOptions, error) {
	present, err := p.store.of(ctx, p.db.Read(), who.UserID)
	if err != nil {
		return CreationOptions{}, fmt.Errorf("factor: list passkeys: %w", err)
	}
	if len(present) >= maxPasskeys {
		return CreationOptions{}, ErrPasskeysFull
	}
	var challenge string
	err = p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		challenge, err = p.begin(ctx, tx, ceremony{purpose: PurposeRegister, UserID: who.UserID}, who.UserID)
		if err != nil {
			return err
		}
		return p.bus.Publish(ctx, tx, about(ActionPasskeyRegister, who.UserID))
	})
	if err != nil {
		return CreationOptions{}, err
	}
	return p.creationOptions(who.UserID, who.Account.Email, challenge, present), nil
}

// Register adds the passkey that the browser made to the principal's account, and ends every
// session but the principal's. One that does not do is [ErrPasskey].
func (p *Passkeys) Register(ctx context.Context, who *authn.Principal, in Attestation) (Passkey, error) {
	added, err := p.register(ctx, who, in)
	if err != nil {
		p.refusal(ctx, about(ActionPasskeyRegisterFailed, who.UserID), err)
	}
	return added, err
}

func (p *Passkeys) register(ctx context.Context, who *authn.Principal, in Attestation) (Passkey, error) {
	parsed, err := in.parse()
	if err == nil {
		err = admit(parsed)
	}
	if err != nil {
		return Passkey{}, ErrPasskey.Wrap(err)
	}
	c, err := p.take(ctx, parsed.Response.CollectedClientData.Challenge, PurposeRegister)
	switch {
	case err != nil:
		return Passkey{}, err
	case c.UserID != who.UserID:
		return Passkey{}, ErrPasskey.Wrap(errors.New("somebody else began this registration"))
	}
	made, err := p.party.CreateCredential(holder{id: who.UserID, email: who.Account.Email}, c.session(p.config.ID, who.UserID), parsed)
	if err != nil {
		return Passkey{}, ErrPasskey.Wrap(err)
	}
	row := p.newPasskey(who.UserID, made, in)
	err = p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error { return p.add(ctx, tx, who, &row) })
	return row.shown(), err
}

func (p *Passkeys) newPasskey(userID string, made *webauthn.Credential, in Attestation) passkeyRow {
	now := p.now()
	row := passkeyRow{
		ID: p.ids.New(), UserID: userID, CredentialID: made.ID, SignCount: int64(made.Authenticator.SignCount), Name: in.Name, CreatedAt: now,
		Credential: passkeyData{
			PublicKey: made.PublicKey, Transports: in.transports(), Flags: byte(made.Flags.ProtocolValue()),
			AAGUID: made.Authenticator.AAGUID, Discoverable: in.discoverable(),
		},
	}
	if row.Name == "" {
		row.Name = "Passkey " + now.Format(time.DateOnly)
	}
	return row
}

// add inserts a passkey of a user, who is held first so that the bound holds.
func (p *Passkeys) add(ctx context.Context, tx bun.Tx, who *authn.Principal, row *passkeyRow) error {
	account, err := p.hold(ctx, tx, who.UserID)
	if err != nil {
		return err
	}
	held, err := p.factors.Of(ctx, tx, who.UserID)
	switch {
	case err != nil:
		return fmt.Errorf("factor: count passkeys: %w", err)
	case held.Passkeys >= maxPasskeys:
		return ErrPasskeysFull
	case p.isDecoy(row.CredentialID):
		return ErrPasskeyTaken
	}
	if err := p.store.add(ctx, tx, row); err != nil {
		if database.IsUnique(err, "identity_passkeys_credential_id_key") {
			return ErrPasskeyTaken
		}
		return fmt.Errorf("factor: add a passkey: %w", err)
	}
	err = p.credentials.CredentialsChanged(ctx, tx, Change{
		UserID: who.UserID, KeepSessionID: who.SessionID, Method: MethodPasskey, Reason: reasonPasskeyAdded, SecondFactor: true,
	})
	if err != nil {
		return err
	}
	if err := p.notices.Tell(ctx, tx, account.Email, passkeyAdded(row.Name)); err != nil {
		return err
	}
	return p.bus.Publish(ctx, tx, aboutPasskey(ActionPasskeyRegistered, who.UserID, row.ID))
}

// hold holds a user in tx. A session whose user is gone is no session.
func (p *Passkeys) hold(ctx context.Context, tx bun.Tx, userID string) (authn.Account, error) {
	account, err := p.accounts.HoldAccount(ctx, tx, userID)
	if errors.Is(err, apperr.ErrNotFound) {
		return account, apperr.ErrInvalidToken
	}
	return account, err
}
