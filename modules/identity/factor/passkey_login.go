package factor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

// PasskeyLogin is somebody who wants to sign in with a passkey.
type PasskeyLogin struct {
	// Email is who they say they are, in the form in which addresses are kept; empty leaves
	// it to the passkey.
	Email string
	// Token names the sign-in that waits for the passkey; empty for none.
	Token secret.String
	// Kept is the same from a cookie. It counts only together with the Email of the same
	// user, so that a sign-in that was given up is not in the way of another one.
	Kept secret.String
	// StepUp says that somebody who is signed in will prove again who they are.
	StepUp bool
}

// BeginLogin returns the options by which the browser finds a passkey. They look the same
// for addresses that are known and that are not. A Token that names no sign-in is
// [ErrNoChallenge].
func (p *Passkeys) BeginLogin(ctx context.Context, in PasskeyLogin) (RequestOptions, error) {
	c, allow, err := p.loginCeremony(ctx, in)
	if err != nil {
		return RequestOptions{}, err
	}
	owner := ""
	if c.purpose == PurposeSecondPasskey {
		owner = c.UserID
	}
	var challenge string
	err = p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		challenge, err = p.begin(ctx, tx, c, owner)
		if err != nil {
			return err
		}
		f := unproved(ActionPasskeyLogin, c.UserID)
		if c.UserID == "" && in.Email != "" {
			f.Personal = map[string]string{"email": in.Email}
		}
		return p.bus.Publish(ctx, tx, f)
	})
	if err != nil {
		return RequestOptions{}, err
	}
	return p.requestOptions(c, challenge, allow), nil
}

// alone is the purpose of a passkey beside which nothing else is shown in this ceremony.
func (in *PasskeyLogin) alone() Purpose {
	if in.StepUp {
		return PurposeStepUp
	}
	return PurposePasskey
}

// loginCeremony finds out whose passkey is asked for, and which ones there are.
func (p *Passkeys) loginCeremony(ctx context.Context, in PasskeyLogin) (c ceremony, allow []CredentialRef, err error) {
	if !in.Token.Empty() {
		waiting, err := p.challenges.Find(ctx, in.Token, PurposeSignIn)
		if err != nil {
			return c, nil, err
		}
		return p.secondCeremony(ctx, waiting)
	}
	if in.Email == "" {
		return ceremony{purpose: in.alone()}, []CredentialRef{}, nil
	}
	userID, err := p.store.userOf(ctx, in.Email)
	if err != nil && !database.IsNotFound(err) {
		return c, nil, fmt.Errorf("factor: find a user: %w", err)
	}
	if userID != "" && !in.Kept.Empty() && !in.StepUp {
		waiting, err := p.challenges.Find(ctx, in.Kept, PurposeSignIn)
		switch {
		case err == nil && waiting.UserID == userID:
			return p.secondCeremony(ctx, waiting)
		case err != nil && !errors.Is(err, ErrNoChallenge):
			return c, nil, err
		}
	}
	// An address without an account is looked for as long as one with.
	rows, err := p.store.of(ctx, p.db.Read(), orNobody(userID))
	if err != nil {
		return c, nil, fmt.Errorf("factor: list passkeys: %w", err)
	}
	c = ceremony{purpose: in.alone(), UserID: userID, Allowed: identifiers(rows), Decoy: len(rows) == 0}
	if c.Decoy {
		return c, p.decoy(in.Email), nil
	}
	return c, references(rows), nil
}

// secondCeremony is that of a sign-in that waits.
func (p *Passkeys) secondCeremony(ctx context.Context, waiting Challenge) (ceremony, []CredentialRef, error) {
	rows, err := p.store.of(ctx, p.db.Read(), waiting.UserID)
	switch {
	case err != nil:
		return ceremony{}, nil, fmt.Errorf("factor: list passkeys: %w", err)
	case len(rows) == 0:
		return ceremony{}, nil, ErrPasskey.Wrap(errors.New("the user has no passkey"))
	}
	return ceremony{purpose: PurposeSecondPasskey, UserID: waiting.UserID, Allowed: identifiers(rows), SignIn: waiting.ID}, references(rows), nil
}

func identifiers(rows []passkeyRow) (ids [][]byte) {
	for i := range rows {
		ids = append(ids, rows[i].CredentialID)
	}
	return ids
}

// orNobody returns the id, or one that nobody has.
func orNobody(userID string) string {
	if userID == "" {
		return "00000000-0000-0000-0000-000000000000"
	}
	return userID
}

// CompleteLogin judges what the passkey answered and completes the sign-in: the one that
// waits under the token, or a new one. Whatever is wrong with it is [ErrPasskey]; a sign-in
// that does not wait any more is [ErrNoChallenge]. token returns the token that the request
// carries.
func (p *Passkeys) CompleteLogin(ctx context.Context, in Assertion, token func() (secret.String, error)) (*authn.IssuedSession, error) {
	c, parsed, err := p.answered(ctx, in, PurposePasskey, PurposeSecondPasskey)
	owner := c.UserID
	var session *authn.IssuedSession
	if err == nil {
		if c.purpose == PurposeSecondPasskey {
			session, err = p.completeSecond(ctx, c, parsed, token)
		} else {
			session, owner, err = p.completeSole(ctx, c, parsed)
		}
	}
	if err != nil {
		p.refusal(ctx, unproved(ActionPasskeyLoginFailed, owner), err)
	}
	return session, err
}

// answered reads an assertion and uses up the ceremony that it answers.
func (p *Passkeys) answered(ctx context.Context, in Assertion, purposes ...Purpose) (ceremony, *protocol.ParsedCredentialAssertionData, error) {
	parsed, err := in.parse()
	if err != nil {
		return ceremony{}, nil, ErrPasskey.Wrap(err)
	}
	c, err := p.take(ctx, parsed.Response.CollectedClientData.Challenge, purposes...)
	return c, parsed, err
}

// completeSecond completes the sign-in that waits for the passkey.
func (p *Passkeys) completeSecond(ctx context.Context, c ceremony, parsed *protocol.ParsedCredentialAssertionData, token func() (secret.String, error)) (*authn.IssuedSession, error) {
	named, err := token()
	if err != nil {
		return nil, err
	}
	waiting, err := p.challenges.Guess(ctx, named, PurposeSignIn)
	switch {
	case err != nil:
		return nil, err
	case waiting.ID != c.SignIn || waiting.UserID != c.UserID:
		return nil, ErrNoChallenge
	}
	row, methods, err := p.judge(ctx, c, c.UserID, parsed)
	if err != nil {
		return nil, err
	}
	var session *authn.IssuedSession
	err = p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		outcome, err := p.challenges.Complete(ctx, tx, waiting, methods...)
		if err != nil {
			return err
		}
		session = outcome.Session
		return p.use(ctx, tx, row)
	})
	return session, err
}

// completeSole signs in the owner of a passkey that checked who uses it. It also returns the
// owner's id, as far as it is known.
func (p *Passkeys) completeSole(ctx context.Context, c ceremony, parsed *protocol.ParsedCredentialAssertionData) (*authn.IssuedSession, string, error) {
	account, err := p.claimed(ctx, c, parsed)
	if err != nil {
		return nil, c.UserID, err
	}
	row, methods, err := p.judge(ctx, c, account.UserID, parsed)
	switch {
	case err != nil && c.Decoy:
		return nil, c.UserID, err
	case err != nil:
		return nil, account.UserID, err
	}
	var session *authn.IssuedSession
	err = p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		outcome, err := p.issuer.CompleteSignIn(ctx, tx, authn.Attempt{
			Account: account, Flow: authn.FlowPasskey, Methods: methods, Client: authn.ClientFrom(ctx),
		})
		switch {
		case err != nil:
			return err
		case outcome.Session == nil:
			return errAskedAgain
		}
		session = outcome.Session
		return p.use(ctx, tx, row)
	})
	return session, account.UserID, err
}

// claimed returns the account that an assertion claims to be of, as it was before the passkey
// is judged: a sign-in under other credentials is refused when the session is issued.
func (p *Passkeys) claimed(ctx context.Context, c ceremony, parsed *protocol.ParsedCredentialAssertionData) (authn.Account, error) {
	userID := c.UserID
	switch {
	case c.Decoy:
		userID = orNobody(userID)
	case userID == "":
		userID = canonicalUser(parsed.Response.UserHandle)
	}
	if userID == "" {
		return authn.Account{}, ErrPasskey.Wrap(errors.New("the passkey does not say whose it is"))
	}
	account, err := p.accounts.Account(ctx, userID)
	switch {
	case errors.Is(err, apperr.ErrNotFound) && c.Decoy:
		return authn.Account{UserID: userID}, nil // judged, and refused, like everybody's
	case errors.Is(err, apperr.ErrNotFound):
		return account, ErrPasskey.Wrap(err)
	}
	return account, err
}

// Prove judges what a passkey of the principal's user answered to the options of
// [Passkeys.BeginLogin], and uses it up. Whatever is wrong with it is [ErrPasskey], which
// the caller counts. It returns the method. It is not called inside a transaction.
func (p *Passkeys) Prove(ctx context.Context, who *authn.Principal, in Assertion) (string, error) {
	err := p.prove(ctx, who, in)
	if err != nil {
		p.refusal(ctx, about(ActionPasskeyLoginFailed, who.UserID), err)
		return "", err
	}
	return MethodPasskey, nil
}

// ProveJSON is [Passkeys.Prove] for an assertion as the browser's toJSON() writes it.
func (p *Passkeys) ProveJSON(ctx context.Context, who *authn.Principal, assertion []byte) (string, error) {
	var in Assertion
	if err := json.Unmarshal(assertion, &in); err != nil {
		return "", ErrPasskey.Wrap(err)
	}
	return p.Prove(ctx, who, in)
}

func (p *Passkeys) prove(ctx context.Context, who *authn.Principal, in Assertion) error {
	c, parsed, err := p.answered(ctx, in, PurposePasskey, PurposeStepUp)
	switch {
	case err != nil:
		return err
	case c.UserID != "" && c.UserID != who.UserID:
		return ErrPasskey.Wrap(errors.New("the ceremony is somebody else's"))
	}
	row, _, err := p.judge(ctx, c, who.UserID, parsed)
	if err != nil {
		return err
	}
	return p.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := p.hold(ctx, tx, who.UserID); err != nil {
			return err
		}
		return p.use(ctx, tx, row)
	})
}
