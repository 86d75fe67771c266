// Package id mints and reads the identifiers of the system.
//
// Records are named by UUIDs of version 7 (RFC 9562 §5.7), whose order is the order
// of creation; requests by UUIDs of version 4. What may be touched: nothing stores an
// identifier that was not made or parsed here.
package id

import (
	"github.com/google/uuid"
)

// Generator makes record identifiers. The zero value is ready.
type Generator struct{}

// Source is what mints record identifiers; tests may replace it.
type Source interface {
	// New returns a fresh record identifier in canonical lower-case form.
	New() string
}

// New returns a fresh UUID of version 7 in canonical lower-case form.
func (Generator) New() string { return uuid.Must(uuid.NewV7()).String() }

// NewRequest returns a fresh UUID of version 4, the form of a request id.
func NewRequest() string { return uuid.NewString() }

// Parse returns s in canonical lower-case form and whether s is a UUID in its
// canonical 36-character spelling. Braces, URNs and bare hex are refused.
func Parse(s string) (string, bool) {
	if len(s) != 36 {
		return "", false
	}
	u, err := uuid.Parse(s)
	if err != nil {
		return "", false
	}
	return u.String(), true
}
