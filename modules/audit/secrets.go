package audit

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/authy2/backend/platform/crypto"
)

// The labels under which keys are derived from ENCRYPTION_KEY. Two uses never share one.
const (
	labelMAC     = "audit mac"
	labelEmail   = "audit email"
	labelPending = "audit pending"
	labelSubject = "audit subject"
)

// subjectKeySize is the length of a subject's key.
const subjectKeySize = 32

// secrets are the keys that the trail is kept with.
type secrets struct {
	random io.Reader
	// macs and emails are the derived keys, newest first: the newest writes, all read.
	macs, emails [][32]byte
	pending      *crypto.Sealer
	subjects     *crypto.Sealer
}

func newSecrets(keys *crypto.Keyring, random io.Reader) *secrets {
	return &secrets{
		random: random, macs: keys.DeriveAll(labelMAC), emails: keys.DeriveAll(labelEmail),
		pending: crypto.NewSealer(keys, labelPending, random), subjects: crypto.NewSealer(keys, labelSubject, random),
	}
}

// rowMAC keeps an unsealed row from being altered unnoticed.
func (s *secrets) rowMAC(e *Entry) []byte { return rowMACWith(s.macs[0], e.canonical()) }

// rowAuthentic reports whether a code is that of a canonical row, under any key of the
// ring.
func (s *secrets) rowAuthentic(code, canonical []byte) bool {
	for _, key := range s.macs {
		if hmac.Equal(code, rowMACWith(key, canonical)) {
			return true
		}
	}
	return false
}

func rowMACWith(key [32]byte, canonical []byte) []byte {
	h := hmac.New(sha256.New, key[:])
	h.Write([]byte("row"))
	h.Write(canonical)
	return h.Sum(nil)
}

// emailSubjects are the subjects of an address under every key, the one of new rows first.
func (s *secrets) emailSubjects(email string) []string {
	names := make([]string, len(s.emails))
	for i, key := range s.emails {
		h := hmac.New(sha256.New, key[:])
		h.Write([]byte(strings.ToLower(email)))
		names[i] = subjectEmail + hex.EncodeToString(h.Sum(nil))[:32]
	}
	return names
}

// sealPending encrypts the personal data of a row until the row is sealed. The row's own
// code is bound into it, so that it cannot be moved to another row.
func (s *secrets) sealPending(entryID string, rowMAC []byte, p *personal) ([]byte, error) {
	plain, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("audit: write personal data: %w", err)
	}
	return s.pending.Seal(plain, append([]byte(entryID), rowMAC...))
}

// openPending decrypts what sealPending made.
func (s *secrets) openPending(entryID string, rowMAC, sealed []byte) (personal, error) {
	var p personal
	plain, err := s.pending.Open(sealed, append([]byte(entryID), rowMAC...))
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(plain, &p); err != nil {
		return p, fmt.Errorf("audit: read personal data: %w", err)
	}
	return p, nil
}

// newSubjectKey returns a fresh key.
func (s *secrets) newSubjectKey() ([]byte, error) {
	key := make([]byte, subjectKeySize)
	if _, err := io.ReadFull(s.random, key); err != nil {
		return nil, fmt.Errorf("audit: make a key: %w", err)
	}
	return key, nil
}

// sealSubject encrypts a subject's key for audit_subjects.
func (s *secrets) sealSubject(subject string, key []byte) ([]byte, error) {
	return s.subjects.Seal(key, []byte(subject))
}

// openSubject decrypts a subject's key.
func (s *secrets) openSubject(subject string, sealed []byte) ([]byte, error) {
	key, err := s.subjects.Open(sealed, []byte(subject))
	if err == nil && len(key) != subjectKeySize {
		err = crypto.ErrSealed
	}
	return key, err
}

// sealPart encrypts a part of personal data with its subject's key: nonce (12) and
// AES-256-GCM (NIST SP 800-38D), bound to the row and the part.
func (s *secrets) sealPart(key []byte, entryID, part string, content []byte) ([]byte, error) {
	aead, err := partCipher(key)
	if err != nil {
		return nil, err
	}
	out := make([]byte, aead.NonceSize(), aead.NonceSize()+len(content)+aead.Overhead())
	if _, err := io.ReadFull(s.random, out); err != nil {
		return nil, fmt.Errorf("audit: make a nonce: %w", err)
	}
	return aead.Seal(out, out, content, partName(entryID, part)), nil
}

// openPart decrypts what sealPart made.
func openPart(key []byte, entryID, part string, sealed []byte) ([]byte, error) {
	aead, err := partCipher(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < aead.NonceSize() {
		return nil, crypto.ErrSealed
	}
	content, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], partName(entryID, part))
	if err != nil {
		return nil, crypto.ErrSealed
	}
	return content, nil
}

// partName is what the ciphertext of a part is bound to.
func partName(entryID, part string) []byte {
	return bytes.Join([][]byte{[]byte(entryID), []byte(part)}, []byte{0})
}

// partCipher is the cipher of a subject. Its key is derived, because the subject's key
// also makes commitments.
func partCipher(key []byte) (cipher.AEAD, error) {
	derived, err := hkdf.Key(sha256.New, key, nil, "authy2/1/audit part", subjectKeySize)
	if err != nil {
		return nil, fmt.Errorf("audit: derive a key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("audit: make a cipher: %w", err)
	}
	return cipher.NewGCM(block)
}
