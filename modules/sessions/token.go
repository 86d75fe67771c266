package sessions

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/authy2/backend/platform/crypto"
)

// hash is the SHA-256 of a token, the only form in which one is kept.
type hash [sha256.Size]byte

// parseToken returns the hash of a token and whether it has the form of one. What has
// not costs neither the cache nor the database a question.
func parseToken(token string) (hash, bool) {
	var text [crypto.TokenLength]byte
	if len(token) != len(text) {
		return hash{}, false
	}
	for i := range len(token) {
		c := token[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return hash{}, false
		}
		text[i] = c
	}
	return sha256.Sum256(text[:]), true
}

// hashOf returns the hash that a row stores.
func hashOf(stored []byte) hash {
	var h hash
	copy(h[:], stored)
	return h
}

// key returns the cache key of the session under an epoch: another epoch is another
// key, so that raising it makes everything cached before unreachable at once.
func key(epoch string, h hash) string {
	const maxEpoch = 64
	var space [maxEpoch + 1 + 2*sha256.Size]byte
	buf := append(space[:0], epoch...)
	buf = append(buf, ':')
	return string(hex.AppendEncode(buf, h[:]))
}
