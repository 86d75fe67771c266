package httpx

import (
	"encoding/base64"

	"github.com/go-json-experiment/json"

	"github.com/authy2/backend/platform/apperr"
)

// errCursor refuses a cursor that none of our pages gave.
var errCursor = apperr.Field("cursor", "Not a valid cursor.")

// EncodeCursor makes the opaque cursor of a position. T is a struct of the columns that
// a list is ordered by; times in it keep their full precision.
func EncodeCursor[T any](position T) (string, error) {
	b, err := json.Marshal(position, json.Deterministic(true))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// DecodeCursor reads a cursor that [EncodeCursor] made of a T, and reports whether there
// is one: the empty cursor is the start of a list. Anything else is a validation error
// of the field cursor. A client can make up cursors, so a position is only ever a place
// to begin, never a permission.
func DecodeCursor[T any](cursor string) (position T, ok bool, err error) {
	if cursor == "" {
		return position, false, nil
	}
	b, decErr := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if decErr != nil {
		return position, false, errCursor
	}
	if decErr := json.Unmarshal(b, &position, json.RejectUnknownMembers(true)); decErr != nil {
		var zero T
		return zero, false, errCursor
	}
	if again, encErr := EncodeCursor(position); encErr != nil || again != cursor {
		var zero T
		return zero, false, errCursor
	}
	return position, true, nil
}
