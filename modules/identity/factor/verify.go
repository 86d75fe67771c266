package factor

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

// SignIn is a code for a sign-in that waits.
type SignIn struct {
	// Token names the challenge.
	Token secret.String
	Code  string
	// Recovery says that Code is a recovery code.
	Recovery bool
	// Remember asks that the device is not asked again for a while.
	Remember bool
	Client   authn.Client
}

// SignedIn is a sign-in that was completed.
type SignedIn struct {
	Session *authn.IssuedSession
	// Device is what a remembered device keeps; empty where none is remembered.
	Device secret.String
}

// Verify judges a code and completes the sign-in. A wrong or used code is [ErrWrongCode]; it
// counts against the challenge, and against the account like a wrong password.
func (s *Service) Verify(ctx context.Context, in SignIn) (SignedIn, error) {
	ch, err := s.challenges.Find(ctx, in.Token, PurposeSignIn)
	if err != nil {
		return SignedIn{}, err
	}
	account, err := s.accounts.Account(ctx, ch.UserID)
	switch {
	case errors.Is(err, apperr.ErrNotFound):
		return SignedIn{}, ErrNoChallenge
	case err != nil:
		return SignedIn{}, err
	}
	attempt, err := s.guard.Attempt(ctx, account.Email, in.Client)
	if err != nil {
		s.refusal(ctx, about(ActionVerifyFailed, ch.UserID), err)
		return SignedIn{}, err
	}
	if ch, err = s.challenges.Guess(ctx, in.Token, PurposeSignIn); err != nil {
		attempt.Release(ctx)
		return SignedIn{}, err
	}
	var done SignedIn
	wrong := false
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		done, wrong = SignedIn{}, false
		account, err := s.challenges.Hold(ctx, tx, ch)
		if err != nil {
			return err
		}
		method, err := s.take(ctx, tx, account, in.Code, in.Recovery)
		if err != nil {
			wrong = isWrong(err)
			return err
		}
		outcome, err := s.challenges.Complete(ctx, tx, ch, method)
		if err != nil {
			return err
		}
		done.Session = outcome.Session
		if in.Remember && s.config.RememberFor > 0 {
			done.Device, err = s.remember(ctx, tx, ch.UserID, in.Client)
		}
		return err
	})
	switch {
	case err == nil:
		attempt.Succeeded(ctx)
		return done, nil
	case wrong:
		s.refusal(ctx, about(ActionVerifyFailed, ch.UserID), err)
	default:
		attempt.Release(ctx) // this was no guess
	}
	return SignedIn{}, err
}

// ProveCode uses up a code of somebody who is signed in, an app's or a recovery code, and
// returns its method. A wrong one is [ErrWrongCode], which the caller counts. It is not
// called inside a transaction.
func (s *Service) ProveCode(ctx context.Context, userID, code string) (method string, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		account, err := s.hold(ctx, tx, userID)
		if err != nil {
			return err
		}
		method, err = s.take(ctx, tx, account, code, isRecoveryCode(code))
		return err
	})
	if err != nil {
		if isWrong(err) {
			s.refusal(ctx, about(ActionVerifyFailed, userID), err)
		}
		return "", err
	}
	return method, nil
}

// isWrong tells [ErrWrongCode] from other errors of its kind.
func isWrong(err error) bool {
	var e *apperr.Error
	return errors.As(err, &e) && e == ErrWrongCode
}

// take uses up a code of a user, who is held, and returns its method.
func (s *Service) take(ctx context.Context, tx bun.Tx, account authn.Account, code string, recovery bool) (string, error) {
	if recovery {
		return MethodRecovery, s.takeRecovery(ctx, tx, account, code)
	}
	a, err := s.totp.of(ctx, tx, account.UserID)
	switch {
	case database.IsNotFound(err):
		return "", ErrWrongCode
	case err != nil:
		return "", fmt.Errorf("factor: find an app: %w", err)
	case a.verifiedAt.IsZero():
		return "", ErrWrongCode
	}
	step, err := s.step(&a, account.UserID, code)
	if err != nil {
		return "", err
	}
	ok, err := s.totp.spend(ctx, tx, account.UserID, step)
	switch {
	case err != nil:
		return "", fmt.Errorf("factor: spend a step: %w", err)
	case !ok:
		return "", ErrWrongCode
	}
	return MethodTOTP, s.bus.Publish(ctx, tx, about(ActionVerify, account.UserID))
}

func (s *Service) takeRecovery(ctx context.Context, tx bun.Tx, account authn.Account, code string) error {
	if !isRecoveryCode(code) {
		return ErrWrongCode
	}
	ok, err := s.recovery.spend(ctx, tx, account.UserID, recoveryHashes(s.keys, account.UserID, code))
	switch {
	case err != nil:
		return fmt.Errorf("factor: spend a recovery code: %w", err)
	case !ok:
		return ErrWrongCode
	}
	left, err := s.recovery.left(ctx, tx, account.UserID)
	if err != nil {
		return fmt.Errorf("factor: count recovery codes: %w", err)
	}
	if err := s.notices.Tell(ctx, tx, account.Email, recoveryUsed(left)); err != nil {
		return err
	}
	return s.bus.Publish(ctx, tx, about(ActionRecoveryUsed, account.UserID))
}
