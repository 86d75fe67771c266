package crypto

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"

	"github.com/authy2/backend/platform/secret"
)

// TokenLength is the number of characters of a token: 32 random bytes in base64url
// without padding (RFC 4648 §5).
const TokenLength = 43

// Tokens mints opaque tokens. It is safe for many goroutines when its reader is.
type Tokens struct{ rand io.Reader }

// NewTokens returns a mint that draws from rand, which is crypto/rand.Reader outside tests.
func NewTokens(rand io.Reader) *Tokens { return &Tokens{rand: rand} }

// New returns a fresh token of 256 random bits. It panics when the source of randomness
// fails, which crypto/rand.Reader never does: a token that can be guessed is worse than
// a crash.
func (t *Tokens) New() secret.String {
	var raw [32]byte
	if _, err := io.ReadFull(t.rand, raw[:]); err != nil {
		panic("crypto: no randomness: " + err.Error())
	}
	return secret.New(base64.RawURLEncoding.EncodeToString(raw[:]))
}

// HashToken returns the SHA-256 of a token, the only form in which it is stored. A fast
// hash is enough, because a token has 256 bits of its own.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// HashTokenHex returns [HashToken] in lower-case hexadecimal digits.
func HashTokenHex(token string) string { return hex.EncodeToString(HashToken(token)) }
