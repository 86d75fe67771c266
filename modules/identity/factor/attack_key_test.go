package factor_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/go-webauthn/webauthn/protocol/webauthncbor"

	"github.com/authy2/backend/platform/platformtest"
)

// rsaPasskey is a new passkey with an RSA key of this modulus and exponent, attested so.
func rsaPasskey(t *testing.T, l *lodge, options, modulus, exponent []byte, format string, statement map[string]any) map[string]any {
	t.Helper()
	_, made := l.page.Create(t, options, platformtest.Lies{})
	response := made["response"].(map[string]any)
	data, err := base64.RawURLEncoding.DecodeString(response["authenticatorData"].(string))
	if err != nil {
		t.Fatal(err)
	}
	key, err := webauthncbor.Marshal(map[int]any{1: 3, 3: -257, -1: modulus, -2: exponent}) // RFC 8230 §4
	if err != nil {
		t.Fatal(err)
	}
	const fixed = 32 + 1 + 4 + 16 + 2 // before the credential id (WebAuthn §6.1)
	data = append(data[:fixed+int(data[fixed-2])<<8+int(data[fixed-1])], key...)
	object, err := webauthncbor.Marshal(map[string]any{"fmt": format, "attStmt": statement, "authData": data})
	if err != nil {
		t.Fatal(err)
	}
	response["attestationObject"] = encoded(object)
	return made
}

// Checking a signature costs with the square of the key: nobody has the server work for
// seconds with a key, or a certificate, of their own making.
func TestOversizedPasskeys(t *testing.T) {
	t.Parallel()
	l := newLodge(t, platformtest.SQLite(t, lines()...))
	token := l.register(t, ann)
	large := func(n int) []byte {
		b := make([]byte, n)
		_, _ = rand.Read(b)
		b[0], b[n-1] = 0xc0, b[n-1]|1
		return b
	}
	signature := large(16_000)
	signature[0] = 1
	longest := []byte{0x7f, 0xff, 0xff, 0xff}
	usual := []byte{1, 0, 1}
	self := map[string]any{"alg": -257, "sig": signature}
	for name, made := range map[string]map[string]any{
		"a large modulus":  rsaPasskey(t, l, l.creation(t, token), large(16_000), longest, "packed", self),
		"without a proof":  rsaPasskey(t, l, l.creation(t, token), large(16_000), usual, "none", map[string]any{}),
		"a large exponent": rsaPasskey(t, l, l.creation(t, token), large(256), append(longest, longest...), "none", map[string]any{}),
		"a small modulus":  rsaPasskey(t, l, l.creation(t, token), large(64), usual, "none", map[string]any{}),
	} {
		began := time.Now()
		if r := l.do(t, "POST", webauthn+"/register/complete", token, text(t, made)); r.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: the server worked for %s", name, took)
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	made := rsaPasskey(t, l, l.creation(t, token), key.N.Bytes(), usual, "none", map[string]any{})
	l.want(t, http.StatusCreated, "POST", webauthn+"/register/complete", token, text(t, made))
	// A statement with certificates was not asked for, and is not looked at.
	made = rsaPasskey(t, l, l.creation(t, token), key.N.Bytes(), usual, "packed", map[string]any{"alg": -257, "sig": signature, "x5c": []any{large(30_000)}})
	l.want(t, http.StatusCreated, "POST", webauthn+"/register/complete", token, text(t, made))
}
