package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

// Extent is which parts of the system there are that bind what a user may do.
type Extent struct {
	// SecondFactors is true when users can have second factors.
	SecondFactors bool
	// Policies is true when organizations can ask for them.
	Policies bool
}

// Directory tells other modules who the users are. It needs no sessions.
type Directory struct {
	extent    Extent
	store     *store
	tokens    *tokenStore
	passwords *crypto.Passwords
	rehasher  *Rehasher
}

// NewDirectory returns the directory of the users in db.
func NewDirectory(extent Extent, db *database.DB, passwords *crypto.Passwords, rehasher *Rehasher) *Directory {
	return &Directory{extent: extent, store: newStore(db), tokens: newTokenStore(db), passwords: passwords, rehasher: rehasher}
}

// CheckPassword returns the account whose email and password these are, whatever its
// status. An unknown email, an account without a password and a wrong password are the
// same [apperr.ErrAuthentication] in the same time: each costs one look-up and one hash. The
// account beside that error has the UserID of whose password it was not, and nothing else:
// it is for the audit trail, and no answer may depend on it. A right password whose stored form is outdated is hashed again in the background.
func (d *Directory) CheckPassword(ctx context.Context, email string, password secret.String) (authn.Account, error) {
	var found credential
	if address, ok := ParseEmail(email); ok {
		var err error
		found, err = d.store.findByEmail(ctx, address)
		if err != nil && !database.IsNotFound(err) {
			return authn.Account{}, fmt.Errorf("identity: find a user by email: %w", err)
		}
	}
	ok, outdated, err := d.passwords.Verify(ctx, found.hash, password)
	if err != nil {
		return authn.Account{}, fmt.Errorf("identity: check a password: %w", err)
	}
	if !ok {
		return authn.Account{UserID: found.ID}, errWrongPassword
	}
	if outdated {
		d.rehasher.later(found.ID, found.hash, password)
	}
	return d.account(&found.userRow)
}

// RecordSignIn notes time and address of a sign-in and holds the user until tx ends, so
// that whoever deletes, suspends or changes them is either seen here or waits. It returns
// the account as it is then, and [apperr.ErrAuthentication] when the user is gone.
func (d *Directory) RecordSignIn(ctx context.Context, tx bun.Tx, userID string, at time.Time, client authn.Client) (authn.Account, error) {
	var ip *string
	if client.Address.IsValid() {
		text := client.Address.Unmap().WithZone("").String()
		ip = &text
	}
	r, err := d.store.recordSignIn(ctx, tx, userID, database.Canonical(at), ip)
	switch {
	case database.IsNotFound(err):
		return authn.Account{}, errWrongPassword
	case err != nil:
		return authn.Account{}, fmt.Errorf("identity: record a sign-in: %w", err)
	}
	return d.account(&r)
}

// Account returns the user as it is now, [apperr.ErrNotFound] when there is none.
func (d *Directory) Account(ctx context.Context, userID string) (authn.Account, error) {
	r, err := d.store.find(ctx, userID)
	switch {
	case database.IsNotFound(err):
		return authn.Account{}, apperr.ErrNotFound
	case err != nil:
		return authn.Account{}, fmt.Errorf("identity: find a user: %w", err)
	}
	return d.account(&r)
}

// account is what others are told of a user: nothing of what was set up while there was more
// of the system. Whom organizations had suspended is active where nobody could lift it.
func (d *Directory) account(r *userRow) (authn.Account, error) {
	told := *r
	told.SecondFactor = told.SecondFactor && d.extent.SecondFactors
	if !d.extent.Policies {
		told.RestrictedFrom = time.Time{}
		if told.Status == StatusComplianceSuspended {
			told.Status = StatusActive
		}
	}
	return told.account()
}
