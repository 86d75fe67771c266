package identity

import (
	"context"
	"crypto/subtle"
	"fmt"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

// prove reads a signed-in user and checks their current password. The attempt counts
// towards the account's limit like a log-in, before anything is hashed. needed is false
// for what users without a password may do without one.
func (s *Service) prove(ctx context.Context, userID string, password secret.String, client authn.Client, needed bool) (credential, error) {
	c, err := s.store.findCredential(ctx, userID)
	switch {
	case database.IsNotFound(err):
		return c, apperr.ErrInvalidToken
	case err != nil:
		return c, fmt.Errorf("identity: find a user: %w", err)
	case c.hash == "" && !needed:
		return c, nil
	case password.Empty():
		return c, apperr.Field("current_password", "Missing data for required field.")
	}
	attempt, err := s.guard.Attempt(ctx, c.Email, client)
	if err != nil {
		return c, err
	}
	ok, _, err := s.passwords.Verify(ctx, c.hash, password)
	switch {
	case err != nil:
		attempt.Release(ctx)
		return c, err
	case !ok:
		return c, errWrongPassword
	case c.SecondFactor:
		attempt.Release(ctx) // half a proof: wrong codes are not forgotten for it
	default:
		attempt.Succeeded(ctx)
	}
	return c, nil
}

// samePassword reports whether two spellings are one password.
func samePassword(a, b secret.String) bool {
	x, y := crypto.Normalize(a.Reveal()), crypto.Normalize(b.Reveal())
	return subtle.ConstantTimeCompare([]byte(x), []byte(y)) == 1
}
