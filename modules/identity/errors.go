package identity

import "github.com/authy2/backend/platform/apperr"

// The errors of this module.
var (
	// ErrEmailTaken means that the address has an account.
	ErrEmailTaken = apperr.ErrConflict.WithMessage("This email address is already registered.")
	// ErrSuspended stops a suspended user whose password was right.
	ErrSuspended = apperr.ErrAuthorization.WithMessage("This account is suspended.")
	// ErrInactive stops an inactive user whose password was right.
	ErrInactive = apperr.ErrAuthorization.WithMessage("This account is not active.")
	// errNoUser tells an operator that nobody has the name they gave.
	errNoUser = apperr.ErrNotFound.WithMessage("No user has this id or email address.")
	// errWrongPassword is the one answer to every wrong proof of identity.
	errWrongPassword = apperr.ErrAuthentication
)
