package factor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
)

// PurposeSecondPasskey is a passkey as the second factor of a sign-in that waits.
const PurposeSecondPasskey Purpose = "second_passkey"

// ceremony is what is remembered between the options of a ceremony and its answer. The
// challenge of WebAuthn is its token: the answer brings it along, signed, and the database
// knows its hash alone.
type ceremony struct {
	purpose Purpose
	// challenge is the token, base64url.
	challenge string

	// UserID is empty while nobody has said who they are.
	UserID string `json:"user,omitempty"`
	// Allowed are the credentials that may answer; none leaves the choice to the browser.
	Allowed [][]byte `json:"allowed,omitempty"`
	// Decoy is true for an address that has no passkeys: no answer is right.
	Decoy bool `json:"decoy,omitempty"`
	// SignIn is the id of the sign-in that waits for it.
	SignIn string `json:"sign_in,omitempty"`
}

// verification is whether the authenticator must check who uses it. A passkey alone is two
// factors only when it does; beside a password its possession is enough.
func (c *ceremony) verification() protocol.UserVerificationRequirement {
	if c.purpose == PurposePasskey {
		return protocol.VerificationRequired
	}
	return protocol.VerificationPreferred
}

// session is the ceremony as the library knows one. owner is whose passkey answers.
func (c *ceremony) session(rpID, owner string) webauthn.SessionData {
	s := webauthn.SessionData{
		Challenge: c.challenge, RelyingPartyID: rpID, UserID: []byte(owner), AllowedCredentialIDs: c.Allowed, UserVerification: c.verification(),
	}
	if c.purpose == PurposeRegister {
		s.CredParams = credentialParameters()
	}
	return s
}

// bound is what the sealed part of a ceremony belongs to.
func bound(purpose Purpose, hash []byte) []byte {
	return append([]byte(string(purpose)+"\x00"), hash...)
}

// begin stores a ceremony in tx and returns its challenge. A ceremony of somebody who is
// known by a proof goes with them (owner); the others are alike for known and unknown addresses.
func (p *Passkeys) begin(ctx context.Context, tx bun.Tx, c ceremony, owner string) (string, error) {
	token, now := p.tokens.New().Reveal(), p.now()
	hash := crypto.HashToken(token)
	data, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("factor: encode a ceremony: %w", err)
	}
	if data, err = p.sealer.Seal(data, bound(c.purpose, hash)); err != nil {
		return "", fmt.Errorf("factor: seal a ceremony: %w", err)
	}
	row := Challenge{ID: p.ids.New(), UserID: owner, Purpose: c.purpose, Data: data, ExpiresAt: now.Add(ceremonyLife), hash: hash}
	if err := p.store.challenges.add(ctx, tx, &row, now); err != nil {
		return "", fmt.Errorf("factor: begin a ceremony: %w", err)
	}
	return token, nil
}

// take uses a ceremony up, whatever becomes of its answer: one challenge is one try. It is
// [ErrPasskey] when there is none, it is over, or it was begun for something else.
func (p *Passkeys) take(ctx context.Context, challenge string, purposes ...Purpose) (c ceremony, err error) {
	hash := crypto.HashToken(challenge)
	var row Challenge
	err = p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		row, err = scanChallenge(p.store.takeCeremony.In(tx).QueryRow(ctx, hash))
		return err
	})
	switch {
	case database.IsNotFound(err):
		return c, ErrPasskey.Wrap(errors.New("no ceremony waits under this challenge"))
	case err != nil:
		return c, fmt.Errorf("factor: take a ceremony: %w", err)
	case !row.ExpiresAt.After(p.now()):
		return c, ErrPasskey.Wrap(errors.New("the ceremony is over"))
	}
	for _, purpose := range purposes {
		if row.Purpose != purpose {
			continue
		}
		data, err := p.sealer.Open(row.Data, bound(row.Purpose, hash))
		if err != nil {
			return c, fmt.Errorf("factor: open a ceremony: %w", err)
		}
		if err := json.Unmarshal(data, &c); err != nil {
			return c, fmt.Errorf("factor: decode a ceremony: %w", err)
		}
		c.purpose, c.challenge = row.Purpose, challenge
		return c, nil
	}
	return c, ErrPasskey.Wrap(errors.New("the ceremony was begun for something else"))
}

// holder is a user as the library knows one.
type holder struct {
	id, email   string
	credentials []webauthn.Credential
}

func newHolder(userID string, rows []passkeyRow) holder {
	h := holder{id: userID}
	for i := range rows {
		h.credentials = append(h.credentials, rows[i].library())
	}
	return h
}

// WebAuthnID returns the user handle: the user's id as text.
func (h holder) WebAuthnID() []byte { return []byte(h.id) }

// WebAuthnName returns the address.
func (h holder) WebAuthnName() string { return h.email }

// WebAuthnDisplayName returns the address.
func (h holder) WebAuthnDisplayName() string { return h.email }

// WebAuthnCredentials returns the user's passkeys.
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.credentials }
