package factor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/secret"
)

const (
	// recoveryCodes is how many codes a set has, recoveryBytes how many random bytes one has.
	recoveryCodes = 10
	recoveryBytes = 8
	// recoveryLabel separates the key of recovery codes from the keys of other uses.
	recoveryLabel = "identity recovery code"
)

// newRecoveryCodes makes a set of codes: 64 random bits each, in upper-case hexadecimal.
func newRecoveryCodes(rand io.Reader) ([]secret.String, error) {
	codes := make([]secret.String, recoveryCodes)
	for i := range codes {
		var raw [recoveryBytes]byte
		if _, err := io.ReadFull(rand, raw[:]); err != nil {
			return nil, fmt.Errorf("factor: make recovery codes: %w", err)
		}
		codes[i] = secret.New(strings.ToUpper(hex.EncodeToString(raw[:])))
	}
	return codes, nil
}

// recoveryHash is the form in which a code of a user is stored. A keyed hash is enough: a
// code has 64 bits of its own, and whoever has the table alone cannot try any.
func recoveryHash(key [32]byte, userID, code string) []byte {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte(userID))
	m.Write([]byte{0})
	m.Write([]byte(code))
	return m.Sum(nil)
}

// recoveryHashes are the forms in which a code may be stored, under each key of the ring.
func recoveryHashes(keys *crypto.Keyring, userID, code string) [][]byte {
	all := keys.DeriveAll(recoveryLabel)
	hashes := make([][]byte, len(all))
	for i, key := range all {
		hashes[i] = recoveryHash(key, userID, code)
	}
	return hashes
}

// isRecoveryCode reports whether the text has the form of a code. Case counts.
func isRecoveryCode(code string) bool {
	return len(code) == 2*recoveryBytes && strings.Trim(code, "0123456789ABCDEF") == ""
}
