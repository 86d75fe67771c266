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

// Credentials tells everybody that what lets a user in has changed.
type Credentials interface {
	// CredentialsChanged raises the credential version of a user, who is held in tx, and ends
	// every session but keepSessionID.
	CredentialsChanged(ctx context.Context, tx bun.Tx, userID, keepSessionID, reason string) error
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
