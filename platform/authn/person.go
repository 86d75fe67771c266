package authn

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/secret"
)

// Person is what other people may see of a user.
type Person struct {
	// ID names the user (UUIDv7).
	ID string
	// Email is the lower-cased address.
	Email string
	// EmailVerified is true once the user proved to own Email.
	EmailVerified bool
	// FullName and AvatarURL are nil when the user gave none.
	FullName, AvatarURL *string
	// Status is the user's status as in [Account].
	Status string
}

// DeletionMark is what is left of something that was deleted: modules that were switched
// off when it happened read the marks, in this order, and catch up.
type DeletionMark struct {
	// At is when it was deleted.
	At time.Time
	// ID named it.
	ID string
}

// NewAccount is what somebody gives to get an account in another way than registration,
// such as by an invitation.
type NewAccount struct {
	// Email is the address, which the caller vouches for.
	Email string
	// EmailVerified is true when its owner has proved it.
	EmailVerified bool
	FullName      string
	// Password and Confirm are judged as in a registration.
	Password, Confirm secret.String
}

// CreateAccount adds an account that was prepared, in tx. It is an [apperr.Conflict] when
// the address was taken meanwhile.
type CreateAccount func(ctx context.Context, tx bun.Tx) (Account, error)

// Registrar makes accounts for modules that bring people in. identity is one.
type Registrar interface {
	// PrepareAccount judges a new account and does the slow part, hashing, outside of any
	// transaction. What is wrong with the input is one validation error.
	PrepareAccount(ctx context.Context, n NewAccount) (CreateAccount, error)
	// PasswordLength returns the fewest and the most characters of a new password, so that
	// people can be told before they choose.
	PasswordLength() (shortest, longest int)
}
