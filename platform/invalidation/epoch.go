package invalidation

import (
	"crypto/sha256"
	"encoding/base64"
)

// epochOf returns twelve characters that stand for everything that shared cache keys must
// differ by. Short, because every key begins with them.
func epochOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))[:12]
}
