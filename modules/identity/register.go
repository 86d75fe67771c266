package identity

import (
	"context"
	"errors"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/secret"
)

// Registration is what somebody who wants an account gives.
type Registration struct {
	Email, FullName   string
	Password, Confirm secret.String
	Client            authn.Client
}

// Registered is a new account, with the session of its owner where there are sessions.
type Registered struct {
	Account authn.Account
	Session *authn.IssuedSession
}

// Register creates an account and signs its owner in; both happen or neither does. Where
// addresses must be verified first, nobody is signed in. The mail that verifies the address
// is written after the commit, and owed by the user's row until it is. A taken address is [ErrEmailTaken], whoever of many comes second. What is wrong with the
// input is one validation error.
func (s *Service) Register(ctx context.Context, in Registration) (Registered, error) {
	email, err := s.checkRegistration(in)
	if err != nil {
		return Registered{}, err
	}
	hash, err := s.passwords.Hash(ctx, in.Password)
	if err != nil {
		return Registered{}, err
	}
	r := s.newUser(email, in.FullName)
	if !s.postman.disabled {
		r.VerificationDueAt = &r.CreatedAt
	}
	var done Registered
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		done, err = s.create(ctx, tx, r, hash, in.Client)
		return err
	})
	if err = s.resolve(ctx, err, r.ID); err != nil {
		f := events.Fact{Action: ActionRegister, ResourceType: "user", Personal: map[string]string{"email": email}}
		s.refusal(ctx, f, err)
		return Registered{}, err
	}
	if done.Session != nil {
		s.guard.Know(context.WithoutCancel(ctx), email, in.Client)
	}
	return done, nil
}

// checkRegistration returns the normalized email, or every complaint at once.
func (s *Service) checkRegistration(in Registration) (string, error) {
	email, complaints, err := s.complaints(in)
	if err != nil {
		return "", err
	}
	return email, apperr.Fields(complaints)
}

// create adds the user, tells everybody, and completes the sign-in.
func (s *Service) create(ctx context.Context, tx bun.Tx, r *userRow, hash string, client authn.Client) (done Registered, err error) {
	if err = s.announce(ctx, tx, r, hash, r.ID); err != nil {
		return done, err
	}
	if r.VerificationDueAt != nil {
		database.AfterCommit(ctx, func(context.Context) { s.postman.hurry() })
	}
	if done.Account, err = r.account(); err != nil || !s.issuer.Enabled() || s.gate.holds(done.Account) {
		return done, err
	}
	outcome, err := s.issuer.CompleteSignIn(ctx, tx, authn.Attempt{
		Account: done.Account, Flow: authn.FlowRegister, Methods: []string{MethodPassword}, Client: client,
	})
	if err != nil {
		return Registered{}, err
	}
	if outcome.Session != nil {
		done.Session, done.Account = outcome.Session, outcome.Session.Account
	}
	return done, nil
}

// resolve finds out what became of a transaction whose commit was not answered, by the id
// that was minted before it.
func (s *Service) resolve(ctx context.Context, err error, userID string) error {
	var unknown *database.CommitUnknown
	if !errors.As(err, &unknown) {
		return err
	}
	if _, lost := s.store.find(ctx, userID); lost != nil {
		return err
	}
	return nil
}
