package crypto

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/authy2/backend/platform/crypto/lanes"
	"github.com/authy2/backend/platform/secret"
)

const (
	// maxBcrypt is how many bytes bcrypt reads; longer passwords are pre-hashed.
	maxBcrypt = lanes.MaxPassword
	// maxPassword is the longest password that is normalized, in bytes. No valid password
	// comes near it; longer input is never right and must not cost more than its hash.
	maxPassword = 4096
	// minCost and maxForeignCost bound what a stored hash may make a worker do.
	minCost        = lanes.MinCost
	maxForeignCost = 16
	// prehashed marks the stored hash of a password whose SHA-256 went into bcrypt. The
	// marker is part of the stored form and not of the password, so that the pre-hash
	// typed as a password is hashed once more and does not match.
	prehashed = "$authy2$sha256$"
)

// Normalize returns the form of a password that is counted, compared and hashed: Unicode
// normalization form KC (UAX #15), so that two keyboards spell one password alike.
func Normalize(password string) string { return norm.NFKC.String(password) }

// stored is a stored hash, taken apart.
type stored struct {
	lanes.Parsed
	prehashed bool
	// foreign is true for the forms that other programs write and this one does not.
	foreign bool
}

// parseStored takes a stored hash apart. It knows "$2a$" (written here), "$2b$" and "$2y$"
// (written by others), and the marked form of long passwords. "$2x$" is refused: it names
// the hashes of a broken implementation.
func parseStored(hash string, maxCost int) (stored, bool) {
	rest, marked := strings.CutPrefix(hash, prehashed)
	parsed, err := lanes.Parse(rest)
	if err != nil || parsed.Cost > maxCost {
		return stored{}, false
	}
	return stored{Parsed: parsed, prehashed: marked, foreign: !marked && rest[2] != 'a'}, true
}

// candidate is one spelling of the password that is tried against a hash.
type candidate struct {
	text string
	// raw is true for the bytes as they came, which only foreign hashes were made of.
	raw bool
}

// candidates returns the spellings to try: the normal form, and the bytes as they came when
// those differ. How many there are depends on the password alone and never on the account.
func candidates(password secret.String) []candidate {
	raw := password.Reveal()
	if len(raw) > maxPassword {
		return []candidate{{text: raw}}
	}
	normal := Normalize(raw)
	if normal == raw {
		return []candidate{{text: normal}}
	}
	return []candidate{{text: normal}, {text: raw, raw: true}}
}

// input returns what bcrypt reads of the candidate, and whether the hash may be of it at all.
func (s stored) input(c candidate) (input []byte, possible bool) {
	possible = !c.raw || s.foreign
	input = []byte(c.text)
	switch {
	case s.prehashed:
		// A password that fits into bcrypt is never stored in the marked form.
		return prehash(c.text), possible && len(c.text) > maxBcrypt
	case len(input) > maxBcrypt:
		// Other programs cut the password before they hashed it, so that is what their
		// hashes are compared with. Hashes written here are of whole passwords.
		return input[:maxBcrypt], possible && s.foreign
	default:
		return input, possible
	}
}

// outdated reports whether a right password should be hashed again. The hash of a password
// that may have been cut is left alone: what was typed after the cut was never compared.
func (s stored) outdated(c candidate, cost int) bool {
	if s.foreign {
		return len(c.text) < maxBcrypt
	}
	return s.Cost < cost
}

// prehash returns the base64 of the SHA-256 of a long password: 44 characters without NUL.
func prehash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.AppendEncode(nil, sum[:])
}
