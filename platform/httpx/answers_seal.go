package httpx

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
)

// keptAnswer is an answer as it is kept, before it is sealed.
type keptAnswer struct {
	Status    int      `json:"s"`
	Media     string   `json:"m"`
	Location  string   `json:"l,omitempty"`
	ETag      string   `json:"e,omitempty"`
	Challenge string   `json:"w,omitempty"`
	Cookies   []string `json:"c,omitempty"`
	Body      []byte   `json:"b"`
}

// keep copies an answer, whose body lies in a buffer that is reused.
func (an *answer) keep() *keptAnswer {
	return &keptAnswer{
		Status: an.status, Media: an.media[0], Location: an.location, ETag: an.etag,
		Challenge: an.challenge, Cookies: an.cookies, Body: append([]byte(nil), an.body...),
	}
}

// sealedVersion is the first byte of a sealed answer.
const sealedVersion = 1

// answerLabel separates the key of sealed answers from the keys of other uses.
const answerLabel = "idempotency answer"

var errSealed = errors.New("httpx: a kept answer cannot be opened")

// aead returns AES-256-GCM under a key that takes the server's key and the client's
// Idempotency-Key to make (HKDF-SHA256, RFC 5869), one per row.
func (r *repeatable) aead(server [32]byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, server[:], r.scope[:], "client key "+r.key, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// seal encrypts an answer: a version byte, the nonce, the ciphertext.
func (r *repeatable) seal(k *keptAnswer) ([]byte, error) {
	plain, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	gcm, err := r.aead(r.answers.keys.Derive(answerLabel))
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1+gcm.NonceSize(), 1+gcm.NonceSize()+len(plain)+gcm.Overhead())
	out[0] = sealedVersion
	if _, err := io.ReadFull(r.answers.random, out[1:]); err != nil {
		return nil, fmt.Errorf("httpx: nonce of an answer: %w", err)
	}
	return gcm.Seal(out, out[1:], plain, r.scope[:]), nil //nolint:gosec // the nonce was just read from random; only the version byte before it is fixed
}

// open decrypts an answer with whichever of the server's keys sealed it.
func (r *repeatable) open(sealed []byte) (*keptAnswer, error) {
	for _, server := range r.answers.keys.DeriveAll(answerLabel) {
		gcm, err := r.aead(server)
		if err != nil {
			return nil, err
		}
		if len(sealed) < 1+gcm.NonceSize() || sealed[0] != sealedVersion {
			return nil, errSealed
		}
		nonce, text := sealed[1:1+gcm.NonceSize()], sealed[1+gcm.NonceSize():]
		plain, err := gcm.Open(nil, nonce, text, r.scope[:])
		if err != nil {
			continue
		}
		k := new(keptAnswer)
		if err := json.Unmarshal(plain, k); err != nil {
			return nil, errSealed
		}
		return k, nil
	}
	return nil, errSealed
}
