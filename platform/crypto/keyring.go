package crypto

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/authy2/backend/platform/secret"
)

// keySize is the length of every key, in bytes: AES-256 and HMAC-SHA256 take 32.
const keySize = 32

// idSize is the length of the name under which a sealed value remembers its key.
const idSize = 8

// keyID names a key by its material. It survives a change of the operator's own name
// for the key, so renaming an entry of the configuration never loses a sealed value.
type keyID [idSize]byte

var entryName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)

// Keyring holds the master keys of one purpose, newest first. The first key makes new
// values; all of them read old ones. A Keyring is read-only and safe for many goroutines.
type Keyring struct {
	keys []masterKey
}

type masterKey struct {
	name     string
	id       keyID
	material [keySize]byte
}

// ParseKeyring reads "<name>:<key>[,<name>:<older key>…]", or one bare key. A key is 64
// hexadecimal digits, the base64 of 32 bytes (standard or URL alphabet, padded or not), or
// 32 printable ASCII characters. Bare keys are allowed inside a list as well; a raw key
// that holds a comma is only allowed alone.
//
// Errors say which entry is wrong and never retell any part of a key.
func ParseKeyring(s secret.String) (*Keyring, error) {
	text := strings.TrimSpace(s.Reveal())
	if text == "" {
		return nil, errors.New("no key given")
	}
	entries := []string{text}
	if _, ok := decodeKey(text); !ok {
		entries = strings.Split(text, ",")
	}
	ring := &Keyring{keys: make([]masterKey, 0, len(entries))}
	for i, entry := range entries {
		key, err := parseEntry(strings.TrimSpace(entry))
		if err != nil {
			return nil, fmt.Errorf("key %d of %d: %w", i+1, len(entries), err)
		}
		for _, other := range ring.keys {
			if other.id == key.id {
				return nil, fmt.Errorf("key %d of %d: the same key is listed twice", i+1, len(entries))
			}
			if key.name != "" && other.name == key.name {
				return nil, fmt.Errorf("key %d of %d: its name is used twice", i+1, len(entries))
			}
		}
		ring.keys = append(ring.keys, key)
	}
	return ring, nil
}

// parseEntry reads one entry of a list: a bare key, or a name, a colon and a key. A bare
// key is tried first; it is unambiguous because no named entry is 32 bytes long and the
// other forms hold no colon.
func parseEntry(entry string) (masterKey, error) {
	material, ok := decodeKey(entry)
	name := ""
	if !ok {
		var rest string
		var found bool
		name, rest, found = strings.Cut(entry, ":")
		if found && !entryName.MatchString(name) {
			return masterKey{}, errors.New("its name must be 1 to 32 letters, digits, dots, dashes or underscores")
		}
		if !found {
			rest = entry
		}
		if material, ok = decodeKey(rest); !ok {
			return masterKey{}, errors.New("a key is 64 hexadecimal digits, the base64 of 32 bytes, or 32 printable characters")
		}
	}
	key := masterKey{name: name, material: material}
	derived := key.derive("key id")
	copy(key.id[:], derived[:])
	return key, nil
}

// decodeKey reads one key in any of its three forms.
func decodeKey(s string) (key [keySize]byte, ok bool) {
	var raw []byte
	var err error
	switch len(s) {
	case 2 * keySize:
		raw, err = hex.DecodeString(s)
	case 43, 44:
		s = strings.TrimSuffix(s, "=")
		s = strings.NewReplacer("+", "-", "/", "_").Replace(s)
		raw, err = base64.RawURLEncoding.Strict().DecodeString(s)
	case keySize:
		for i := range len(s) {
			if s[i] <= ' ' || s[i] > '~' {
				return key, false
			}
		}
		raw = []byte(s)
	}
	if err != nil || len(raw) != keySize {
		return key, false
	}
	return [keySize]byte(raw), true
}

// Derive returns the newest key's sub-key for the use that label names, by HKDF-SHA256
// (RFC 5869). Two uses never share a label.
func (k *Keyring) Derive(label string) [32]byte { return k.keys[0].derive(label) }

// DeriveAll returns the sub-keys of every key for the use that label names, newest first.
func (k *Keyring) DeriveAll(label string) [][32]byte {
	all := make([][32]byte, len(k.keys))
	for i, key := range k.keys {
		all[i] = key.derive(label)
	}
	return all
}

// Len returns how many keys there are.
func (k *Keyring) Len() int { return len(k.keys) }

// derive expands the key for one use. HKDF fails only for outputs of over 8160 bytes, so
// the panic cannot be reached; returning a zero key in its place would be a hole.
func (m masterKey) derive(label string) [keySize]byte {
	out, err := hkdf.Key(sha256.New, m.material[:], nil, "authy2/1/"+label, keySize)
	if err != nil {
		panic("crypto: derive key: " + err.Error())
	}
	return [keySize]byte(out)
}

// String names the ring without showing it.
func (k *Keyring) String() string { return fmt.Sprintf("keyring of %d", len(k.keys)) }

// GoString names the ring without showing it.
func (k *Keyring) GoString() string { return k.String() }

// Format names the ring under every verb without showing it.
func (k *Keyring) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }
