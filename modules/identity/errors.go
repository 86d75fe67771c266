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
	// ErrEmailNotVerified stops a user whose password was right until they have proved their
	// address.
	ErrEmailNotVerified = apperr.New(apperr.Forbidden, apperr.CodeEmailNotVerified, "Verify your email address first, with the link that was mailed to you.")
	// errNoUser tells an operator that nobody has the name they gave.
	errNoUser = apperr.ErrNotFound.WithMessage("No user has this id or email address.")
	// errNoRecovery and errMailDisabled tell an operator why no link is sent.
	errNoRecovery   = apperr.ErrConflict.WithMessage("The account is suspended or inactive. Activate it first.")
	errMailDisabled = apperr.ErrConflict.WithMessage("Mail is disabled on this system.")
	// errWrongPassword is the one answer to every wrong proof of identity.
	errWrongPassword = apperr.ErrAuthentication
)
