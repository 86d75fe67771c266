package crypto

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/unicode/norm"

	"github.com/authy2/backend/platform/secret"
)

const (
	// maxBcrypt is how many bytes bcrypt reads; longer passwords are pre-hashed.
	maxBcrypt = 72
	// maxPassword is the longest password that is normalized, in bytes. No valid password
	// comes near it; longer input is never right and must not cost more than its hash.
	maxPassword = 4096
	// minCost and maxForeignCost bound what a stored hash may make a worker do.
	minCost        = bcrypt.MinCost
	maxForeignCost = 16
	// prehashed marks the stored hash of a password whose SHA-256 went into bcrypt. The
	// marker is part of the stored form and not of the password, so that the pre-hash
	// typed as a password is hashed once more and does not match.
	prehashed = "$authy2$sha256$"
	// bcryptLength is the length of every bcrypt string.
	bcryptLength = 60
	bcryptDigits = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	// nobody is the salt and digest of a hash that no password has.
	nobody = "authy2.nobody.has.thisauthy2.nobody.has.this.password"
)

// Normalize returns the form of a password that is counted, compared and hashed: Unicode
// normalization form KC (UAX #15), so that two keyboards spell one password alike.
func Normalize(password string) string { return norm.NFKC.String(password) }

// stored is a stored hash, taken apart.
type stored struct {
	bcrypt    string
	cost      int
	prehashed bool
	// foreign is true for the forms that other programs write and this one does not.
	foreign bool
}

// parseStored takes a stored hash apart. It knows "$2a$" (written here), "$2b$" and "$2y$"
// (written by others), and the marked form of long passwords. "$2x$" is refused: it names
// the hashes of a broken implementation.
func parseStored(hash string, maxCost int) (stored, bool) {
	rest, marked := strings.CutPrefix(hash, prehashed)
	if len(rest) != bcryptLength || rest[0] != '$' || rest[1] != '2' || rest[3] != '$' || rest[6] != '$' {
		return stored{}, false
	}
	minor := rest[2]
	if minor != 'a' && minor != 'b' && minor != 'y' {
		return stored{}, false
	}
	tens, units := rest[4]-'0', rest[5]-'0'
	if tens > 9 || units > 9 {
		return stored{}, false
	}
	cost := int(tens)*10 + int(units)
	if cost < minCost || cost > maxCost {
		return stored{}, false
	}
	if strings.Trim(rest[7:], bcryptDigits) != "" {
		return stored{}, false
	}
	return stored{bcrypt: rest, cost: cost, prehashed: marked, foreign: !marked && minor != 'a'}, true
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

// matches reports whether the candidate is the password of the hash, doing the work of one
// bcrypt of the hash's cost in any case.
func (s stored) matches(c candidate) bool {
	right := !c.raw || s.foreign
	input := []byte(c.text)
	switch {
	case s.prehashed:
		// A password that fits into bcrypt is never stored in the marked form.
		right = right && len(c.text) > maxBcrypt
		input = prehash(c.text)
	case len(input) > maxBcrypt:
		// Other programs cut the password before they hashed it, so that is what their
		// hashes are compared with. Hashes written here are of whole passwords.
		right = right && s.foreign
		input = input[:maxBcrypt]
	}
	return bcrypt.CompareHashAndPassword([]byte(s.bcrypt), input) == nil && right
}

// outdated reports whether a right password should be hashed again. The hash of a password
// that may have been cut is left alone: what was typed after the cut was never compared.
func (s stored) outdated(c candidate, cost int) bool {
	if s.foreign {
		return len(c.text) < maxBcrypt
	}
	return s.cost < cost
}

// burn does the work of one bcrypt of the cost and forgets it.
func burn(cost int, input []byte) {
	if len(input) > maxBcrypt {
		input = input[:maxBcrypt]
	}
	_ = bcrypt.CompareHashAndPassword(fmt.Appendf(nil, "$2a$%02d$%s", cost, nobody), input)
}

// burnRest does what is missing from a hash of cost done to one of cost want: 2^done +
// 2^done + 2^(done+1) + … + 2^(want-1) is 2^want.
func burnRest(done, want int, input []byte) {
	for cost := done; cost < want; cost++ {
		burn(cost, input)
	}
}

// hashPassword returns the stored form of a normalized password.
func hashPassword(normal string, cost int) (string, error) {
	input, mark := []byte(normal), ""
	if len(input) > maxBcrypt {
		input, mark = prehash(normal), prehashed
	}
	hash, err := bcrypt.GenerateFromPassword(input, cost)
	if err != nil {
		return "", fmt.Errorf("crypto: hash password: %w", err)
	}
	return mark + string(hash), nil
}

// verifyPassword compares in the time of the configured cost for each candidate, whatever
// the hash is; an unreadable hash is nobody's.
func verifyPassword(hash string, tried []candidate, cost, maxCost int) (ok, outdated bool) {
	s, readable := parseStored(hash, maxCost)
	for _, c := range tried {
		if !readable {
			burn(cost, []byte(c.text))
			continue
		}
		if s.matches(c) {
			ok, outdated = true, s.outdated(c, cost)
		}
		burnRest(s.cost, cost, []byte(c.text))
	}
	return ok, outdated
}

// prehash returns the base64 of the SHA-256 of a long password: 44 characters without NUL.
func prehash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.AppendEncode(nil, sum[:])
}
