package lanes

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
)

const (
	// MinCost is the lowest cost of a hash, which takes 2^cost rounds.
	MinCost = 4
	// MaxCost is the highest. It takes days; whoever reads hashes of others bounds them
	// closer.
	MaxCost = 31
	// MaxPassword is how many bytes of a password bcrypt reads. Longer ones are refused and
	// never cut.
	MaxPassword = 72
)

const (
	hashLength   = 60
	headerLength = len("$2a$10$")
	saltLength   = 22
	alphabet     = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// ErrHash is returned for what is not a bcrypt string.
var ErrHash = errors.New("lanes: not a bcrypt hash")

// Salt is the 128-bit salt of a hash.
type Salt [16]byte

// Digest is what bcrypt computes: 184 bits.
type Digest [23]byte

// Parsed is a bcrypt string, taken apart. Its zero value is no hash; Verify refuses it.
type Parsed struct {
	Cost   int
	Salt   Salt
	Digest Digest
}

// Parse takes a bcrypt string apart: "$2a$", "$2b$" or "$2y$", which all mean the same
// function here, two digits of cost, 22 characters of salt and 31 of digest. Anything else is
// ErrHash, among it "$2x$" (the hashes of a broken implementation), costs below MinCost and
// above MaxCost, and a digest whose two spare bits are set, which no password ever has. The
// four spare bits of a salt are ignored, as other programs wrote them.
func Parse(hash string) (Parsed, error) {
	if len(hash) != hashLength || hash[:2] != "$2" || hash[3] != '$' || hash[6] != '$' {
		return Parsed{}, ErrHash
	}
	if minor := hash[2]; minor != 'a' && minor != 'b' && minor != 'y' {
		return Parsed{}, ErrHash
	}
	tens, units := hash[4]-'0', hash[5]-'0'
	if tens > 9 || units > 9 {
		return Parsed{}, ErrHash
	}
	p := Parsed{Cost: 10*int(tens) + int(units)}
	if p.Cost < MinCost || p.Cost > MaxCost {
		return Parsed{}, ErrHash
	}
	encoding := digits()
	salt, digest := hash[headerLength:headerLength+saltLength], hash[headerLength+saltLength:]
	if !decode(encoding, p.Salt[:], salt) || !decode(encoding.Strict(), p.Digest[:], digest) {
		return Parsed{}, ErrHash
	}
	return p, nil
}

// String returns the bcrypt string, in the form "$2a$" whatever form was parsed.
func (p Parsed) String() string {
	hash := fmt.Appendf(make([]byte, 0, hashLength), "$2a$%02d$", p.Cost)
	hash = digits().AppendEncode(hash, p.Salt[:])
	return string(digits().AppendEncode(hash, p.Digest[:]))
}

// Matches reports, in constant time, whether d is the digest of the hash.
func (p Parsed) Matches(d Digest) bool { return subtle.ConstantTimeCompare(p.Digest[:], d[:]) == 1 }

// digits is bcrypt's own base64.
func digits() *base64.Encoding { return base64.NewEncoding(alphabet).WithPadding(base64.NoPadding) }

// decode fills dst from text, and reports whether text was exactly that. Line ends, which
// encoding/base64 skips, leave dst short.
func decode(encoding *base64.Encoding, dst []byte, text string) bool {
	decoded, err := encoding.DecodeString(text)
	return err == nil && copy(dst, decoded) == len(dst)
}
