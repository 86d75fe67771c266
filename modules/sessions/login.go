package sessions

import (
	"context"
	"errors"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/secret"
)

// MethodPassword is the authentication method of a password (RFC 8176 §2).
const MethodPassword = authn.MethodPassword

// PasswordLogin is a log-in with email and password.
type PasswordLogin struct {
	Email    string
	Password secret.String
	Remember bool
	Client   authn.Client
}

// Login checks email and password and completes the sign-in. The attempt is counted
// before anything is hashed, so that many guesses at one instant are many guesses.
func (s *Service) Login(ctx context.Context, in PasswordLogin) (authn.Outcome, error) {
	attempt, err := s.guard.Attempt(ctx, in.Email, in.Client)
	if err != nil {
		return authn.Outcome{}, err
	}
	account, err := s.credentials.CheckPassword(ctx, in.Email, in.Password)
	if err != nil {
		if errors.Is(err, apperr.ErrAuthentication) {
			s.refusal(ctx, notSignedIn("", account.UserID, in.Email, err))
		} else {
			attempt.Release(ctx) // nothing was checked
		}
		return authn.Outcome{}, err
	}
	var outcome authn.Outcome
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		outcome, err = s.CompleteSignIn(ctx, tx, authn.Attempt{
			Account: account, Flow: authn.FlowPassword, Methods: []string{MethodPassword},
			Remember: in.Remember, Client: in.Client,
		})
		return err
	})
	if err != nil {
		attempt.Release(ctx) // the password was right: this was no guess
		if e := apperr.From(err); e.Kind() != apperr.Internal && e.Kind() != apperr.Unavailable {
			s.refusal(ctx, notSignedIn(account.UserID, account.UserID, in.Email, err))
		}
		return authn.Outcome{}, err
	}
	if outcome.Session != nil {
		attempt.Succeeded(ctx)
	} else {
		attempt.Release(ctx)
	}
	return outcome, nil
}
