package tenancy

import (
	"errors"

	"github.com/authy2/backend/platform/apperr"
)

// The errors of this module.
var (
	// ErrMember means that somebody is a member already.
	ErrMember = apperr.ErrConflict.WithMessage("This user is a member already.")
	// ErrLastOwner keeps an organization from losing its last owner.
	ErrLastOwner = apperr.ErrConflict.WithMessage("An organization needs an owner. Make somebody else its owner first.")
	// ErrOwner means that the owner who hands an organization over is the one to get it.
	ErrOwner = apperr.ErrConflict.WithMessage("You own this organization already.")
	// ErrSlugTaken means that another organization has the slug.
	ErrSlugTaken = apperr.ErrConflict.WithMessage("This slug is taken.").With("slug", []string{"This slug is taken."})
	// errNoPrincipal is a wrong declaration: an operation that requires a session has one.
	errNoPrincipal = errors.New("tenancy: a request without a principal reached an operation that needs one")
)
