package factor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/secret"
)

const (
	// challengeLife is how long a challenge waits.
	challengeLife = 5 * time.Minute
	// maxGuesses is how many proofs are judged for one challenge.
	maxGuesses = 10
)

// Purpose is what a challenge is for.
type Purpose string

// The purposes. A challenge of one is worth nothing for another.
const (
	// PurposeSignIn is a sign-in that waits for a second factor.
	PurposeSignIn Purpose = "sign_in"
	// PurposeRegister is the registration of a passkey.
	PurposeRegister Purpose = "register_passkey"
	// PurposePasskey is a sign-in by passkey alone, perhaps of somebody who has not said who
	// they are.
	PurposePasskey Purpose = "passkey"
	// PurposeStepUp is somebody signed in who proves again who they are.
	PurposeStepUp Purpose = "step_up"
)

// Challenge is something that waits for one more proof.
type Challenge struct {
	ID string
	// UserID is empty while nobody has said who they are.
	UserID  string
	Purpose Purpose
	Flow    authn.Flow
	// Methods are the proofs given so far; Offered are those that would do.
	Methods, Offered []string
	Remember         bool
	// CredentialVersion is the user's when it was opened: another voids it.
	CredentialVersion int64
	// Guesses is how many proofs were judged, this one included.
	Guesses int64
	// Data is what a passkey ceremony must remember.
	Data      []byte
	ExpiresAt time.Time

	hash []byte
}

// opening opens challenges. It needs no sessions, so that sessions can need it.
type opening struct {
	store  *challengeStore
	tokens *crypto.Tokens
	clock  clock.Clock
	ids    id.Source
}

// Open stores an attempt that waits for one of the offered proofs, the preferred one first,
// and returns what its client is asked.
func (o opening) Open(ctx context.Context, tx bun.Tx, a authn.Attempt, offered []string) (*authn.Challenge, error) {
	token, expires, err := o.add(ctx, tx, Challenge{
		UserID: a.Account.UserID, Purpose: PurposeSignIn, Flow: a.Flow, Methods: a.Methods, Offered: offered, Remember: a.Remember,
		CredentialVersion: a.Account.CredentialVersion,
	})
	if err != nil {
		return nil, err
	}
	return &authn.Challenge{Token: token, Methods: offered, ExpiresAt: expires}, nil
}

// add stores a challenge of any purpose and returns its token and when it is void. Its ID and
// ExpiresAt are set here.
func (o opening) add(ctx context.Context, tx bun.Tx, c Challenge) (secret.String, time.Time, error) {
	token, now := o.tokens.New(), database.Canonical(o.clock.Now())
	c.ID, c.ExpiresAt, c.hash = o.ids.New(), now.Add(challengeLife), crypto.HashToken(token.Reveal())
	if err := o.store.add(ctx, tx, &c, now); err != nil {
		return secret.String{}, time.Time{}, fmt.Errorf("factor: open a challenge: %w", err)
	}
	return token, c.ExpiresAt, nil
}

// Challenges are the sign-ins and ceremonies that wait for one more proof.
type Challenges struct {
	opening

	db       *database.DB
	accounts Accounts
	issuer   authn.SessionIssuer
}

// NewChallenges returns the challenges in db. It does no I/O.
func NewChallenges(db *database.DB, tokens *crypto.Tokens, clk clock.Clock, ids id.Source, accounts Accounts, issuer authn.SessionIssuer) *Challenges {
	return &Challenges{opening: opening{newChallengeStore(db), tokens, clk, ids}, db: db, accounts: accounts, issuer: issuer}
}

// Find returns the challenge that the token names, without counting anything. It is
// [ErrNoChallenge] when there is none that could be guessed at.
func (c *Challenges) Find(ctx context.Context, token secret.String, purpose Purpose) (Challenge, error) {
	ch, err := c.store.find(ctx, crypto.HashToken(token.Reveal()), purpose, database.Canonical(c.clock.Now()))
	return ch, found(err)
}

// Guess counts one proof that is about to be judged, and returns the challenge. It is
// [ErrNoChallenge] when there is none, or it was guessed at too often. What was counted
// stays counted. It is not called inside a transaction.
func (c *Challenges) Guess(ctx context.Context, token secret.String, purpose Purpose) (ch Challenge, err error) {
	err = c.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		ch, err = c.store.guess(ctx, tx, crypto.HashToken(token.Reveal()), purpose, database.Canonical(c.clock.Now()))
		return found(err)
	})
	return ch, err
}

// found turns the absence of a challenge into what the client is told.
func found(err error) error {
	if database.IsNotFound(err) {
		return ErrNoChallenge
	}
	if err != nil {
		return fmt.Errorf("factor: find a challenge: %w", err)
	}
	return nil
}

// Hold holds the user of the challenge in tx and returns the account. Whoever takes
// something of the user in tx, such as a time step, holds them first. It is [ErrNoChallenge]
// when the user is gone or their credentials have changed.
func (c *Challenges) Hold(ctx context.Context, tx bun.Tx, ch Challenge) (authn.Account, error) {
	account, err := c.accounts.HoldAccount(ctx, tx, ch.UserID)
	switch {
	case errors.Is(err, apperr.ErrNotFound):
		return account, ErrNoChallenge
	case err != nil:
		return account, err
	case account.CredentialVersion != ch.CredentialVersion:
		return account, ErrNoChallenge
	}
	return account, nil
}

// Take uses the challenge up in tx: of many callers one succeeds, the others get
// [ErrNoChallenge].
func (c *Challenges) Take(ctx context.Context, tx bun.Tx, ch Challenge) error {
	ok, err := c.store.take(ctx, tx, ch.hash, database.Canonical(c.clock.Now()))
	if err != nil {
		return fmt.Errorf("factor: take a challenge: %w", err)
	}
	if !ok {
		return ErrNoChallenge
	}
	return nil
}

// Complete uses a sign-in's challenge up and completes the sign-in with one method more, in
// tx. Its error rolls tx back, and the challenge may be guessed at again.
func (c *Challenges) Complete(ctx context.Context, tx bun.Tx, ch Challenge, method ...string) (authn.Outcome, error) {
	account, err := c.Hold(ctx, tx, ch)
	if err != nil {
		return authn.Outcome{}, err
	}
	if err := c.Take(ctx, tx, ch); err != nil {
		return authn.Outcome{}, err
	}
	outcome, err := c.issuer.CompleteSignIn(ctx, tx, authn.Attempt{
		Account: account, Flow: ch.Flow, Methods: append(ch.Methods[:len(ch.Methods):len(ch.Methods)], method...),
		Remember: ch.Remember, Client: authn.ClientFrom(ctx),
	})
	if err == nil && outcome.Session == nil {
		err = errAskedAgain
	}
	return outcome, err
}
