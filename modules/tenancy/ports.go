package tenancy

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
)

// People knows users. identity's Directory is one.
type People interface {
	// PeopleOf returns the users with the ids that there are, by id, in one statement for
	// up to 500, through db: a transaction or the read pool.
	PeopleOf(ctx context.Context, db bun.IDB, ids []string) (map[string]authn.Person, error)
	// PersonByEmail returns the user with the address in any case, apperr.ErrNotFound when
	// there is none. One statement.
	PersonByEmail(ctx context.Context, db bun.IDB, email string) (authn.Person, error)
	// HoldUser keeps the user from being deleted until tx ends, without keeping them from
	// anything else (FOR KEY SHARE). It is apperr.ErrNotFound when they are gone. Whoever
	// stores the id of a user calls it first.
	HoldUser(ctx context.Context, tx bun.Tx, userID string) error
	// UsersDeleted returns up to limit marks of deleted users after the given one, oldest
	// first.
	UsersDeleted(ctx context.Context, db bun.IDB, after authn.DeletionMark, limit int) ([]authn.DeletionMark, error)
}

// SystemLimits are the longest that any session of the system may idle and live. An
// organization may ask for less, not for more. Zero is a system that has no sessions to
// limit: any rule of up to 400 days may be set then, and binds nobody.
type SystemLimits struct {
	Idle     time.Duration
	Absolute time.Duration
}
