package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
)

// Purpose is what the bearer of a one-time token may do.
type Purpose string

// The purposes. A token proves that its bearer reads the mail of one address.
const (
	// PurposeVerify says that the address of the account is its owner's.
	PurposeVerify Purpose = "verify_email"
	// PurposeReset lets choose a new password.
	PurposeReset Purpose = "reset_password"
	// PurposeChange gives the account the address that the token was mailed to. Such a
	// token is used in the same place as one of PurposeVerify.
	PurposeChange Purpose = "change_email"
)

// life is how long a token of the purpose can be used.
func (p Purpose) life() time.Duration {
	if p == PurposeReset {
		return 30 * time.Minute
	}
	return 24 * time.Hour
}

// serves reports whether a token of the purpose is used where one of the other is.
func (p Purpose) serves(other Purpose) bool {
	return p == other || (p == PurposeChange && other == PurposeVerify)
}

// tokenRow is a row of identity_tokens.
type tokenRow struct {
	ID                string
	UserID            string
	Purpose           Purpose
	Email             string
	CredentialVersion int64
	ExpiresAt         time.Time
	CreatedAt         time.Time
}

// good reports whether the token may still be used on the user as they are now: nobody
// took the account away from them, its credentials are those of back then, and the address
// it proves is the account's own, or is to become that. A verification outlives a change of
// password, which says nothing about the address.
func (t *tokenRow) good(r *userRow, now time.Time) bool {
	switch {
	case !now.Before(t.ExpiresAt) || !r.Status.mayRecover():
		return false
	case t.Purpose == PurposeVerify:
		return t.Email == r.Email
	case t.Purpose == PurposeReset:
		return t.Email == r.Email && t.CredentialVersion == r.CredentialVersion
	default:
		return t.Purpose == PurposeChange && t.CredentialVersion == r.CredentialVersion
	}
}

// mayRecover reports whether mails of the account may still do something.
func (s Status) mayRecover() bool {
	return s == StatusActive || s == StatusPending || s == StatusComplianceSuspended
}

// parseToken returns the hash of a token, the only form in which it is looked up, and
// whether it has the form of one: 43 characters of base64url (RFC 4648 §5).
func parseToken(token string) ([]byte, bool) {
	if len(token) != crypto.TokenLength {
		return nil, false
	}
	for i := range len(token) {
		c := token[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return nil, false
		}
	}
	return crypto.HashToken(token), true
}

// TokenState is what a token that can be used is good for.
type TokenState struct {
	Purpose Purpose
	// Email is the address that the token was mailed to.
	Email string
	// Account is the address that the account has now.
	Account   string
	ExpiresAt time.Time
}

// PeekToken tells what the token is good for, without using it up: programs that look for
// harm open the links of mails as well. A change of address is found under PurposeVerify
// too. It is a validation error for what has not the form of a token, and [ErrTokenGone] for
// one that is expired, used, replaced, or of another purpose.
func (s *Service) PeekToken(ctx context.Context, purpose Purpose, token string) (TokenState, error) {
	hash, ok := parseToken(token)
	if !ok {
		return TokenState{}, errMalformedToken
	}
	t, r, err := s.openToken(ctx, hash, purpose)
	if err != nil {
		return TokenState{}, err
	}
	return TokenState{Purpose: t.Purpose, Email: t.Email, Account: r.Email, ExpiresAt: t.ExpiresAt}, nil
}

// openToken finds a token that can be used, and the user it is for. Whether that is still
// so is decided by [Service.redeem].
func (s *Service) openToken(ctx context.Context, hash []byte, purpose Purpose) (tokenRow, userRow, error) {
	t, r, err := s.tokens.find(ctx, hash)
	switch {
	case database.IsNotFound(err):
		return t, r, ErrTokenGone
	case err != nil:
		return t, r, fmt.Errorf("identity: find a token: %w", err)
	case !t.Purpose.serves(purpose) || !t.good(&r, s.now()):
		return t, r, ErrTokenGone
	}
	return t, r, nil
}

// redeem holds the user of a token that was found, and uses it up: of all who bring it, one
// gets it. What was read before it is judged again.
func (s *Service) redeem(ctx context.Context, tx bun.Tx, hash []byte, seen tokenRow) (tokenRow, credential, error) {
	held, err := s.store.holdUser(ctx, tx, seen.UserID)
	switch {
	case database.IsNotFound(err):
		return seen, held, ErrTokenGone
	case err != nil:
		return seen, held, fmt.Errorf("identity: hold a user: %w", err)
	}
	t, err := s.tokens.take(ctx, tx, hash, seen.Purpose)
	switch {
	case database.IsNotFound(err):
		return t, held, ErrTokenGone
	case err != nil:
		return t, held, fmt.Errorf("identity: use a token: %w", err)
	case t.UserID != held.ID || !t.good(&held.userRow, s.now()):
		return t, held, ErrTokenGone
	}
	return t, held, nil
}

var (
	// ErrTokenGone means that a one-time token cannot be used, or not any more.
	ErrTokenGone = apperr.ErrGone.WithMessage("This link has expired or has been used. Ask for a new one.")

	errMalformedToken = apperr.Field("token", msgMalformed)
)

const msgMalformed = "Not a valid token."
