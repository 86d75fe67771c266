package factor

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

// Held is which factors a user has.
type Held struct {
	// TOTP is true for users with a verified authenticator app.
	TOTP bool
	// Passkeys and RecoveryCodes are how many the user has.
	Passkeys, RecoveryCodes int64

	// remembered is true when the request comes from a device that is remembered.
	remembered bool
}

// Any reports whether the user has a second factor.
func (h Held) Any() bool { return h.TOTP || h.Passkeys > 0 }

// offered are the proofs that would do, passkeys first.
func (h Held) offered() []string {
	var methods []string
	if h.Passkeys > 0 {
		methods = append(methods, MethodPasskey)
	}
	if h.TOTP {
		methods = append(methods, MethodTOTP)
		if h.RecoveryCodes > 0 {
			methods = append(methods, MethodRecovery)
		}
	}
	return methods
}

// Factors tells which factors users have.
type Factors struct {
	clock  clock.Clock
	ofUser *database.Stmt
}

// NewFactors returns the factors in db. It does no I/O.
func NewFactors(db *database.DB, clk clock.Clock) *Factors {
	return &Factors{clock: clk, ofUser: db.Prepare(`SELECT
	(SELECT count(*) FROM identity_totp WHERE user_id = ? AND verified_at IS NOT NULL),
	(SELECT count(*) FROM identity_passkeys WHERE user_id = ?),
	(SELECT count(*) FROM identity_recovery_codes WHERE user_id = ?),
	(SELECT count(*) FROM identity_devices WHERE user_id = ? AND token_hash = ? AND expires_at > ?)`)}
}

// Of returns the factors of a user, read through on: a transaction, or the read pool.
func (f *Factors) Of(ctx context.Context, on bun.IDB, userID string) (Held, error) {
	return f.at(ctx, on, userID, secret.String{})
}

// at returns the factors of a user, and whether the token is that of one of their devices.
// One statement.
func (f *Factors) at(ctx context.Context, on bun.IDB, userID string, device secret.String) (Held, error) {
	hash := []byte{} // no row has it
	if !device.Empty() {
		hash = crypto.HashToken(device.Reveal())
	}
	var h Held
	var totp, devices int64
	now := database.Canonical(f.clock.Now())
	err := f.ofUser.On(on).QueryRow(ctx, userID, userID, userID, userID, hash, now).Scan(&totp, &h.Passkeys, &h.RecoveryCodes, &devices)
	h.TOTP, h.remembered = totp > 0, devices > 0
	return h, err
}
