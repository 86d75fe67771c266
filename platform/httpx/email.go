package httpx

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// maxEmail is the longest address that is looked at, in bytes.
const maxEmail = 1020

// NormalEmail returns the address in the one form in which the system keeps and compares
// addresses, and whether it is one: lower-cased, in Unicode normalization form C, never
// trimmed. Unicode local parts (RFC 6531) and localhost are addresses.
func NormalEmail(s string) (string, bool) {
	if len(s) > maxEmail || !ValidEmail(s) {
		return "", false
	}
	email := norm.NFC.String(strings.ToLower(s))
	return email, ValidEmail(email)
}
