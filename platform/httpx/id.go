package httpx

import "github.com/danielgtaylor/huma/v2"

// ID is an identifier in a path: `path:"id"`. A malformed one is answered like an
// unknown one, with the very bytes of [apperr.ErrNotFound], so a handler that does not
// find it must return that error as it is. Handlers see the canonical lower-case form.
type ID string

// Schema describes it as a UUID.
func (ID) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid", Examples: []any{"0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30"}}
}

// String returns the identifier.
func (i ID) String() string { return string(i) }
