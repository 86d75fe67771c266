package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
)

// The errors of opening a sealed value. Neither says more, so that nothing can be learnt
// by trying.
var (
	// ErrSealed means that the value is damaged, was sealed for another use or other
	// associated data, or is no sealed value.
	ErrSealed = errors.New("crypto: the sealed value cannot be opened")
	// ErrUnknownKey means that the value was sealed with a key that is not in the ring.
	ErrUnknownKey = errors.New("crypto: the sealed value's key is not in the ring")
)

// sealVersion is the first byte of every sealed value:
// version (1) | key id (8) | nonce (12) | AES-256-GCM ciphertext and tag.
const sealVersion = 1

const (
	nonceSize  = 12
	headerSize = 1 + idSize
)

// Sealer encrypts small values at rest with AES-256-GCM (NIST SP 800-38D). The newest key
// seals, every key opens; a value carries the id of its key. A Sealer is safe for many
// goroutines. Nonces are random, so one key seals at most 2^32 values.
type Sealer struct {
	rand    io.Reader
	current keyID
	aeads   map[keyID]cipher.AEAD
}

// NewSealer returns a sealer for the use that label names. Values of one label cannot be
// opened by the sealer of another.
func NewSealer(k *Keyring, label string, rand io.Reader) *Sealer {
	s := &Sealer{rand: rand, current: k.keys[0].id, aeads: make(map[keyID]cipher.AEAD, len(k.keys))}
	for _, key := range k.keys {
		sub := key.derive("seal/" + label)
		// Neither call fails for a 32-byte key.
		block, err := aes.NewCipher(sub[:])
		if err != nil {
			panic("crypto: new sealer: " + err.Error())
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			panic("crypto: new sealer: " + err.Error())
		}
		s.aeads[key.id] = aead
	}
	return s
}

// Seal encrypts plaintext. aad is not stored but must be given again to open the value:
// put the row's id and column into it, so that values cannot be swapped between rows.
func (s *Sealer) Seal(plaintext, aad []byte) ([]byte, error) {
	aead := s.aeads[s.current]
	out := make([]byte, headerSize+nonceSize, headerSize+nonceSize+len(plaintext)+aead.Overhead())
	out[0] = sealVersion
	copy(out[1:], s.current[:])
	nonce := out[headerSize : headerSize+nonceSize]
	if _, err := io.ReadFull(s.rand, nonce); err != nil {
		return nil, fmt.Errorf("crypto: seal: %w", err)
	}
	return aead.Seal(out, nonce, plaintext, bind(out[:headerSize], aad)), nil
}

// Open decrypts a sealed value. It returns [ErrUnknownKey] when the key is not in the
// ring and [ErrSealed] for everything else that is wrong.
func (s *Sealer) Open(sealed, aad []byte) ([]byte, error) {
	if len(sealed) < headerSize+nonceSize || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	aead, ok := s.aeads[keyID(sealed[1:headerSize])]
	if !ok {
		return nil, ErrUnknownKey
	}
	nonce := sealed[headerSize : headerSize+nonceSize]
	plaintext, err := aead.Open(nil, nonce, sealed[headerSize+nonceSize:], bind(sealed[:headerSize], aad))
	if err != nil {
		return nil, ErrSealed
	}
	return plaintext, nil
}

// Current reports whether the value was sealed with the newest key. A value that was not
// is sealed again before its key leaves the ring.
func (s *Sealer) Current(sealed []byte) bool {
	return len(sealed) >= headerSize && sealed[0] == sealVersion && keyID(sealed[1:headerSize]) == s.current
}

// bind puts the header under the seal as well.
func bind(header, aad []byte) []byte {
	bound := make([]byte, 0, len(header)+len(aad))
	return append(append(bound, header...), aad...)
}
