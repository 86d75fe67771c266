package factor

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/secret"
)

// Accounts knows the users whose factors these are.
type Accounts interface {
	// Account returns the user as it is now, [apperr.ErrNotFound] when gone. It is not
	// called inside a transaction.
	Account(ctx context.Context, userID string) (authn.Account, error)
	// HoldAccount returns the user and holds them until tx ends: nobody else signs them in,
	// changes or deletes them meanwhile. It is [apperr.ErrNotFound] when they are gone.
	HoldAccount(ctx context.Context, tx bun.Tx, userID string) (authn.Account, error)
}

// Proof checks the password of somebody who is signed in.
type Proof interface {
	// CheckOwnPassword returns the user as they were when the password was right. A wrong one,
	// and a user without one, is [apperr.ErrAuthentication]; it counts towards the account's
	// limit like a log-in. It is not called inside a transaction.
	CheckOwnPassword(ctx context.Context, userID string, password secret.String, client authn.Client) (authn.Account, error)
}

// Change is a change of a user's factors.
type Change struct {
	UserID string
	// KeepSessionID is the session that made it; empty ends every session.
	KeepSessionID string
	// Method is what that session proved with it, if anything.
	Method string
	// Reason is recorded on the sessions that end.
	Reason string
	// SecondFactor is whether the user has a second factor after it.
	SecondFactor bool
}

// Credentials tells everybody that what lets a user in has changed.
type Credentials interface {
	// CredentialsChanged raises the credential version of a user, who is held in tx, and ends
	// every session but one.
	CredentialsChanged(ctx context.Context, tx bun.Tx, c Change) error
	// FactorsChanged does the same without ending sessions, for what happens inside a change
	// of credentials that ends them anyway.
	FactorsChanged(ctx context.Context, tx bun.Tx, userID string, secondFactor bool) error
}

// Notice is a mail that tells the owner of an account what was done to it.
type Notice struct {
	// Purpose is its kind in the outbox, such as identity.totp_enabled.
	Purpose, Subject string
	Lines            []string
	// Alarm is what to do when it was not the owner.
	Alarm string
}

// Notices writes to the owners of accounts.
type Notices interface {
	// Tell sends the notice in tx. An address that takes no mail is no error.
	Tell(ctx context.Context, tx bun.Tx, email string, n Notice) error
}
