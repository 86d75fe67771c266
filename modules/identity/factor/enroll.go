package factor

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

// Reasons that are recorded on the sessions that a change of factors ends.
const (
	reasonEnabled  = "totp_enabled"
	reasonDisabled = "totp_disabled"
)

// Enrollment is what an authenticator app is set up with. It is shown once.
type Enrollment struct {
	Secret secret.String
	// URI is the address that brings the secret into an app, Picture its QR code as a data
	// URI. Both hold the secret.
	URI, Picture secret.String
	Codes        []secret.String
}

// Enroll makes a secret and recovery codes for the principal's user, in the place of those
// that were never verified. It is [ErrEnrolled] for users who have an app.
func (s *Service) Enroll(ctx context.Context, p *authn.Principal) (Enrollment, error) {
	e, err := s.enroll(ctx, p)
	if err != nil {
		s.refusal(ctx, about(ActionEnroll, p.UserID), err)
	}
	return e, err
}

func (s *Service) enroll(ctx context.Context, p *authn.Principal) (Enrollment, error) {
	key, err := newSecret(s.config.Issuer, p.Account.Email, s.rand)
	if err != nil {
		return Enrollment{}, err
	}
	image, err := picture(key)
	if err != nil {
		return Enrollment{}, err
	}
	codes, hashes, err := s.newCodes(p.UserID)
	if err != nil {
		return Enrollment{}, err
	}
	sealed, err := s.sealer.Seal([]byte(key.Secret()), []byte(p.UserID))
	if err != nil {
		return Enrollment{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := s.hold(ctx, tx, p.UserID); err != nil {
			return err
		}
		now := s.now()
		ok, err := s.totp.enroll(ctx, tx, p.UserID, sealed, now)
		switch {
		case err != nil:
			return fmt.Errorf("factor: enroll an app: %w", err)
		case !ok:
			return ErrEnrolled
		}
		if err := s.recovery.replace(ctx, tx, p.UserID, hashes, now); err != nil {
			return err
		}
		return s.bus.Publish(ctx, tx, about(ActionEnroll, p.UserID))
	})
	if err != nil {
		return Enrollment{}, err
	}
	return Enrollment{Secret: secret.New(key.Secret()), URI: secret.New(key.URL()), Picture: secret.New(image), Codes: codes}, nil
}

// newCodes makes a set of recovery codes and the forms in which they are stored.
func (s *Service) newCodes(userID string) ([]secret.String, [][]byte, error) {
	codes, err := newRecoveryCodes(s.rand)
	if err != nil {
		return nil, nil, err
	}
	key := s.keys.Derive(recoveryLabel)
	hashes := make([][]byte, len(codes))
	for i, code := range codes {
		hashes[i] = recoveryHash(key, userID, code.Reveal())
	}
	return codes, hashes, nil
}

// hold holds a user who is signed in.
func (s *Service) hold(ctx context.Context, tx bun.Tx, userID string) (authn.Account, error) {
	account, err := s.accounts.HoldAccount(ctx, tx, userID)
	if err != nil && apperr.From(err).Kind() == apperr.NotFound {
		return account, apperr.ErrInvalidToken
	}
	return account, err
}

// VerifyEnrollment takes the first code of the app, which is asked for from then on; every
// other session of the user ends. A wrong one is [ErrWrongCode]. For users who have an app
// there is nothing to do.
func (s *Service) VerifyEnrollment(ctx context.Context, p *authn.Principal, code string) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		account, err := s.hold(ctx, tx, p.UserID)
		if err != nil {
			return err
		}
		a, err := s.totp.of(ctx, tx, p.UserID)
		switch {
		case database.IsNotFound(err):
			return ErrNotEnrolled
		case err != nil:
			return fmt.Errorf("factor: find an app: %w", err)
		case !a.verifiedAt.IsZero():
			return nil
		}
		step, err := s.step(&a, p.UserID, code)
		if err != nil {
			return err
		}
		ok, err := s.totp.verify(ctx, tx, p.UserID, step, s.now())
		switch {
		case err != nil:
			return fmt.Errorf("factor: verify an app: %w", err)
		case !ok:
			return ErrWrongCode
		}
		return s.announce(ctx, tx, account, Change{KeepSessionID: p.SessionID, Method: MethodTOTP, Reason: reasonEnabled}, ActionEnrolled, totpEnabled())
	})
	if err != nil {
		s.refusal(ctx, about(ActionVerifyFailed, p.UserID), err)
	}
	return err
}

// step returns the time step whose code it is, one that was not used; [ErrWrongCode] for none.
func (s *Service) step(a *app, userID, code string) (int64, error) {
	key, err := s.sealer.Open(a.secret, []byte(userID))
	if err != nil {
		return 0, fmt.Errorf("factor: open the secret of an app: %w", err)
	}
	step, err := matching(string(key), code, s.clock.Now(), a.lastStep)
	if err == nil && step == 0 {
		err = ErrWrongCode
	}
	return step, err
}

// announce tells everybody that the factors of a user, who is held, have changed.
func (s *Service) announce(ctx context.Context, tx bun.Tx, account authn.Account, c Change, action string, n Notice) error {
	held, err := s.factors.Of(ctx, tx, account.UserID)
	if err != nil {
		return fmt.Errorf("factor: find the factors of a user: %w", err)
	}
	c.UserID, c.SecondFactor = account.UserID, held.Any()
	if err := s.credentials.CredentialsChanged(ctx, tx, c); err != nil {
		return err
	}
	if err := s.notices.Tell(ctx, tx, account.Email, n); err != nil {
		return err
	}
	return s.bus.Publish(ctx, tx, about(action, account.UserID))
}

// Status is whether a user has an authenticator app.
type Status struct {
	Enabled    bool       `json:"totp_enabled"`
	VerifiedAt *time.Time `json:"verified_at" doc:"Since when, null without one."`
	Codes      int64      `json:"backup_codes_remaining" minimum:"0"`
}

// Status returns whether a user has an app, and how many recovery codes.
func (s *Service) Status(ctx context.Context, userID string) (Status, error) {
	verified, codes, err := s.totp.state(ctx, userID)
	switch {
	case err != nil:
		return Status{}, fmt.Errorf("factor: find an app: %w", err)
	case verified.IsZero():
		return Status{}, nil
	}
	verified = verified.UTC()
	return Status{Enabled: true, VerifiedAt: &verified, Codes: codes}, nil
}

// Regenerate gives the user a new set of recovery codes; those from before are void. A wrong
// password is [apperr.ErrAuthentication].
func (s *Service) Regenerate(ctx context.Context, p *authn.Principal, password secret.String) ([]secret.String, error) {
	codes, hashes, err := s.newCodes(p.UserID)
	if err == nil {
		err = s.proved(ctx, p, password, func(ctx context.Context, tx bun.Tx, account authn.Account) error {
			a, err := s.totp.of(ctx, tx, p.UserID)
			if database.IsNotFound(err) || err == nil && a.verifiedAt.IsZero() {
				return ErrNotEnrolled
			}
			if err != nil {
				return fmt.Errorf("factor: find an app: %w", err)
			}
			if err := s.recovery.replace(ctx, tx, p.UserID, hashes, s.now()); err != nil {
				return err
			}
			if err := s.notices.Tell(ctx, tx, account.Email, recoveryReplaced()); err != nil {
				return err
			}
			return s.bus.Publish(ctx, tx, about(ActionRegenerate, p.UserID))
		})
	}
	if err != nil {
		s.refusal(ctx, about(ActionRegenerate, p.UserID), err)
		return nil, err
	}
	return codes, nil
}

// Disable gives the user's app up, and the recovery codes with it; every other session of
// the user ends. A wrong password is [apperr.ErrAuthentication].
func (s *Service) Disable(ctx context.Context, p *authn.Principal, password secret.String) error {
	err := s.proved(ctx, p, password, func(ctx context.Context, tx bun.Tx, account authn.Account) error {
		ok, err := s.totp.drop(ctx, tx, p.UserID)
		switch {
		case err != nil:
			return fmt.Errorf("factor: remove an app: %w", err)
		case !ok:
			return ErrNotEnrolled
		}
		if err := s.recovery.drop(ctx, tx, p.UserID); err != nil {
			return err
		}
		return s.announce(ctx, tx, account, Change{KeepSessionID: p.SessionID, Reason: reasonDisabled}, ActionDisable, totpDisabled())
	})
	if err != nil {
		s.refusal(ctx, about(ActionDisable, p.UserID), err)
	}
	return err
}

// proved checks the password of a user who is signed in, holds them and does something. When
// the credentials have changed since the proof, the proof is worth nothing any more.
func (s *Service) proved(ctx context.Context, p *authn.Principal, password secret.String, do func(ctx context.Context, tx bun.Tx, account authn.Account) error) error {
	proved, err := s.proof.CheckOwnPassword(ctx, p.UserID, password, authn.ClientFrom(ctx))
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		account, err := s.hold(ctx, tx, p.UserID)
		if err != nil {
			return err
		}
		if account.CredentialVersion != proved.CredentialVersion {
			return apperr.ErrAuthentication
		}
		return do(ctx, tx, account)
	})
}
