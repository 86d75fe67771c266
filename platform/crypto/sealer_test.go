package crypto_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"
	"testing/iotest"

	"github.com/authy2/backend/platform/crypto"
)

func TestSealerRotation(t *testing.T) {
	t.Parallel()
	hexB := hex.EncodeToString([]byte(rawB))
	before := crypto.NewSealer(ring(t, "old:"+hexB), "totp", rand.Reader)
	sealed, err := before.Seal([]byte("secret"), []byte("row 1"))
	if err != nil {
		t.Fatal(err)
	}
	during := crypto.NewSealer(ring(t, "new:"+rawA+",renamed:"+hexB), "totp", rand.Reader)
	got, err := during.Open(sealed, []byte("row 1"))
	if err != nil || !bytes.Equal(got, []byte("secret")) {
		t.Fatalf("an older key does not open: %q, %v", got, err)
	}
	if during.Current(sealed) || !before.Current(sealed) {
		t.Error("Current does not tell the newest key")
	}
	after := crypto.NewSealer(ring(t, rawA), "totp", rand.Reader)
	if _, err := after.Open(sealed, []byte("row 1")); !errors.Is(err, crypto.ErrUnknownKey) {
		t.Errorf("a key that left the ring: %v, want ErrUnknownKey", err)
	}
}

func TestSealerRefuses(t *testing.T) {
	t.Parallel()
	k := ring(t, rawA)
	s := crypto.NewSealer(k, "totp", rand.Reader)
	sealed, err := s.Seal([]byte("secret"), []byte("row 1"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("secret")) {
		t.Fatal("sealed in clear")
	}
	again, err := s.Seal([]byte("secret"), []byte("row 1"))
	if err != nil || bytes.Equal(sealed, again) {
		t.Errorf("sealing twice gives the same bytes (%v)", err)
	}
	if _, err := s.Open(sealed, []byte("row 2")); !errors.Is(err, crypto.ErrSealed) {
		t.Errorf("other associated data: %v", err)
	}
	if _, err := crypto.NewSealer(k, "saml", rand.Reader).Open(sealed, []byte("row 1")); !errors.Is(err, crypto.ErrSealed) {
		t.Errorf("another use: %v", err)
	}
	for i := range sealed {
		bent := bytes.Clone(sealed)
		bent[i] ^= 1
		if _, err := s.Open(bent, []byte("row 1")); err == nil {
			t.Errorf("byte %d bent and opened", i)
		}
	}
	for n := range sealed {
		if _, err := s.Open(sealed[:n], []byte("row 1")); err == nil {
			t.Errorf("cut to %d bytes and opened", n)
		}
	}
	if _, err := crypto.NewSealer(k, "x", iotest.ErrReader(errors.New("empty"))).Seal(nil, nil); err == nil {
		t.Error("sealed without randomness")
	}
}

func FuzzOpen(f *testing.F) {
	// A fixed nonce, so that every fuzzing process knows the same good value.
	s := crypto.NewSealer(ring(f, rawA), "fuzz", bytes.NewReader(make([]byte, 12)))
	good, err := s.Seal([]byte("value"), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:9])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if _, err := s.Open(sealed, nil); err == nil && !bytes.Equal(sealed, good) {
			t.Fatalf("opened what was never sealed: %x", sealed)
		}
	})
}

func TestTokens(t *testing.T) {
	t.Parallel()
	mint := crypto.NewTokens(rand.Reader)
	seen := map[string]bool{}
	for range 1000 {
		token := mint.New().Reveal()
		if len(token) != crypto.TokenLength || seen[token] {
			t.Fatalf("token of %d characters, seen before: %v", len(token), seen[token])
		}
		seen[token] = true
	}
	fixed := crypto.NewTokens(bytes.NewReader(make([]byte, 32))).New().Reveal()
	if fixed != "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" {
		t.Errorf("token of 32 zero bytes = %s", fixed)
	}
	// SHA-256 of the empty string (FIPS 180-4).
	if got := crypto.HashTokenHex(""); got != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("HashTokenHex = %s", got)
	}
}
