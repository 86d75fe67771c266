package identity

import (
	"context"

	"github.com/uptrace/bun"
)

// UserDeletionGuard may keep an account from being deleted. Modules give one for what
// must not be left behind, such as an organization whose last owner the user is.
type UserDeletionGuard interface {
	// CheckUserDeletion returns an [*apperr.Error] that vetoes, such as a conflict with
	// details. The user is held in tx, and it does database work only.
	CheckUserDeletion(ctx context.Context, tx bun.Tx, userID string) error
}

// DeletionGuards are the guards of a system, in the order in which they are asked. Empty
// means that nothing keeps an account.
type DeletionGuards []UserDeletionGuard
