package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// WebAuthnPath is where passkeys live.
const WebAuthnPath = "/api/v1/auth/webauthn"

// bare says whether the operations at path answer a success without the envelope.
func bare(path string) bool {
	return path == WebAuthnPath+"/register/begin" || path == WebAuthnPath+"/login/begin"
}

// Passkey is a passkey in software (WebAuthn, ES256), on the pages of one server.
type Passkey struct {
	// ID is the credential id, base64url.
	ID string

	origin, rpID, handle string
	id                   []byte
	count                uint32
	key                  *ecdsa.PrivateKey
}

// passkeyOptions are what of the options of a ceremony matters.
type passkeyOptions struct {
	Challenge string
	RP        struct{ ID string }
	User      struct{ ID string }
}

// Origin is that of the pages which may ask for passkeys: the first one that the journey
// configures, or else the server's own.
func (s *Server) Origin() string {
	if first, _, _ := strings.Cut(s.sys.Environment()["WEBAUTHN_ORIGINS"], ","); first != "" {
		return first
	}
	return s.URL
}

// NewPasskey asks for the options of a new passkey and returns it with the request that
// registers it.
func (s *Server) NewPasskey(t testing.TB, token string) (*Passkey, Call) {
	t.Helper()
	var o passkeyOptions
	a := s.Do(t, Call{Method: http.MethodPost, Path: WebAuthnPath + "/register/begin", Token: token}).Want(t, http.StatusOK)
	if err := json.Unmarshal(a.Body, &o); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &Passkey{origin: s.Origin(), rpID: o.RP.ID, handle: o.User.ID, id: make([]byte, 16), key: key}
	_, _ = rand.Read(p.id)
	p.ID = base64URL(p.id)
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	// CBOR (RFC 8949): the COSE key inside the authenticator data inside the attestation.
	data := append(p.data(0x45), make([]byte, 16)...)
	data = append(append(data, 0, byte(len(p.id))), p.id...)
	data = append(data, 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20)
	data = append(append(append(data, point[1:33]...), 0x22, 0x58, 0x20), point[33:]...)
	object := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58"), byte(len(data)))
	return p, p.answer(WebAuthnPath+"/register/complete", token, map[string]any{
		"attestationObject": base64URL(append(object, data...)), "clientDataJSON": base64URL(p.clientData(t, "webauthn.create", o.Challenge)),
		"transports": []string{"internal"},
	})
}

// AddPasskey adds a passkey to the user's account.
func (s *Server) AddPasskey(t testing.TB, token string) *Passkey {
	t.Helper()
	p, call := s.NewPasskey(t, token)
	s.Do(t, call).Want(t, http.StatusCreated)
	return p
}

// PasskeyLogin asks for the options of a sign-in and returns the request that completes it.
func (s *Server) PasskeyLogin(t testing.TB, p *Passkey) Call {
	t.Helper()
	var o passkeyOptions
	a := s.Do(t, Call{Path: WebAuthnPath + "/login/begin", Body: map[string]any{}}).Want(t, http.StatusOK)
	if err := json.Unmarshal(a.Body, &o); err != nil {
		t.Fatal(err)
	}
	p.count++
	data, clientData := p.data(0x05), p.clientData(t, "webauthn.get", o.Challenge)
	client := sha256.Sum256(clientData)
	sum := sha256.Sum256(append(slices.Clone(data), client[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, p.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return p.answer(WebAuthnPath+"/login/complete", "", map[string]any{
		"authenticatorData": base64URL(data), "clientDataJSON": base64URL(clientData), "signature": base64URL(signature), "userHandle": p.handle,
	})
}

// On puts the passkey on another page, for another domain, from now on.
func (p *Passkey) On(origin, rpID string) *Passkey {
	p.origin, p.rpID = origin, rpID
	return p
}

// data is the authenticator data (WebAuthn §6.1).
func (p *Passkey) data(flags byte) []byte {
	hash := sha256.Sum256([]byte(p.rpID))
	return binary.BigEndian.AppendUint32(append(hash[:], flags), p.count)
}

func (p *Passkey) clientData(t testing.TB, kind, challenge string) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": p.origin, "crossOrigin": false})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (p *Passkey) answer(path, token string, response map[string]any) Call {
	return Call{Path: path, Token: token, Body: map[string]any{
		"id": p.ID, "rawId": p.ID, "type": "public-key", "authenticatorAttachment": "platform", "clientExtensionResults": map[string]any{}, "response": response,
	}}
}

func base64URL(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
