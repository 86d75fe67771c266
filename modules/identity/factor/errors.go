package factor

import (
	"errors"

	"github.com/authy2/backend/platform/apperr"
)

// The errors of this package.
var (
	// ErrNoChallenge means that no sign-in waits under the token: it is unknown, over, used,
	// guessed at too often, or the user's credentials have changed. The password is asked
	// again then.
	ErrNoChallenge = apperr.ErrAuthentication.WithMessage("No sign-in waits for this. Sign in again.")
	// ErrWrongCode is the one answer to every code that is not right, or was used before.
	ErrWrongCode = apperr.ErrAuthentication.WithMessage("The code is not right.")
	// ErrEnrolled means that the user has an authenticator app already.
	ErrEnrolled = apperr.ErrConflict.WithMessage("An authenticator app is set up already. Disable it first.")
	// ErrNotEnrolled means that the user has no authenticator app.
	ErrNotEnrolled = apperr.ErrAuthentication.WithMessage("No authenticator app is set up.")

	// errNoPrincipal is a wrong declaration: an operation that requires a session has one.
	errNoPrincipal = errors.New("factor: a request without a principal reached an operation that needs one")
	// errAskedAgain means that a gate asks for a proof of somebody who has just given it.
	errAskedAgain = errors.New("factor: a sign-in with two factors is asked for another")
)
