package identity

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/authy2/backend/platform/httpx"
)

// maxEmail is the longest address, in characters.
const maxEmail = 255

// ParseEmail returns the address in the form in which it is kept and looked up, and
// whether it is one: lower-cased, in Unicode normalization form C, never trimmed.
// Unicode local parts (RFC 6531) and localhost are addresses.
func ParseEmail(s string) (string, bool) {
	if len(s) > 4*maxEmail || !httpx.ValidEmail(s) {
		return "", false
	}
	email := norm.NFC.String(strings.ToLower(s))
	return email, httpx.ValidEmail(email)
}
