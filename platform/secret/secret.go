// Package secret holds the type of values that must not be seen.
//
// What may be touched: nothing. A secret that could be printed by one more verb would
// be a hole, so every way of printing is written out and tested.
package secret

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// redacted is what every way of printing a secret gives.
const redacted = "[secret]"

// String is a secret text: a password, a key, a token. It prints as [secret] under
// every verb, in JSON and in every slog handler. The zero value is the empty secret.
type String struct{ value string }

// New returns s as a secret.
func New(s string) String { return String{value: s} }

// Reveal returns the secret itself. Call it where the secret is used, nowhere else.
func (s String) Reveal() string { return s.value }

// Empty reports whether there is no secret.
func (s String) Empty() bool { return s.value == "" }

// String returns [secret].
func (String) String() string { return redacted }

// GoString returns [secret].
func (String) GoString() string { return redacted }

// Format writes [secret] under every verb.
func (String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalJSON writes "[secret]".
func (String) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// MarshalText writes [secret].
func (String) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText reads the secret from configuration.
func (s *String) UnmarshalText(b []byte) error {
	s.value = string(b)
	return nil
}

// LogValue returns [secret].
func (String) LogValue() slog.Value { return slog.StringValue(redacted) }
