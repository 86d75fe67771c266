package platformtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"testing"
)

// The flags of authenticator data (WebAuthn §6.1).
const (
	FlagUserPresent    byte = 0x01
	FlagUserVerified   byte = 0x04
	FlagBackupEligible byte = 0x08
	FlagBackedUp       byte = 0x10
	flagAttested       byte = 0x40
)

// Authenticator is a passkey authenticator and the browser in front of it, in software
// (ES256). It makes and uses resident keys, and lies when it is told to. It belongs to one
// goroutine.
type Authenticator struct {
	// Origin is the page that it believes to be on.
	Origin string
	// Unverified has it not check who uses it: the UV flag stays off.
	Unverified bool
	// Uncounted has its counters stay at 0.
	Uncounted bool
	// Attestation is the format of its attestation statement: none (also when empty), or
	// packed, which it signs with the credential's own key.
	Attestation string

	keys []*Credential
}

// Credential is a key that an authenticator made.
type Credential struct {
	ID         []byte
	UserHandle []byte
	RPID       string
	Count      uint32

	key *ecdsa.PrivateKey
}

// Lies is what an authenticator or a browser does wrongly in one ceremony. The zero value is
// honest.
type Lies struct {
	// Challenge, Origin, RPID, Type and UserHandle replace what is right.
	Challenge, Origin, RPID, Type string
	UserHandle                    []byte
	// NoUserHandle leaves the user handle out.
	NoUserHandle bool
	// Count is added to the right counter, which rises by one with each use.
	Count int64
	// Clear and Set change flags.
	Clear, Set byte
	// Signature breaks the signature.
	Signature bool
	// As answers with this credential's id and a signature by another key.
	As *Credential
	// CrossOrigin says that another page frames this one.
	CrossOrigin bool
}

// NewAuthenticator returns an authenticator on a page.
func NewAuthenticator(origin string) *Authenticator { return &Authenticator{Origin: origin} }

// creationOptions is what of the options matters.
type creationOptions struct {
	RP struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID string `json:"id"`
	} `json:"user"`
	Challenge string `json:"challenge"`
	Exclude   []struct {
		ID string `json:"id"`
	} `json:"excludeCredentials"`
}

type requestOptions struct {
	Challenge string `json:"challenge"`
	RPID      string `json:"rpId"`
	Allow     []struct {
		ID string `json:"id"`
	} `json:"allowCredentials"`
}

// Create makes a key by the options, and returns it with what the browser's toJSON() gives,
// the members that no server needs included.
func (a *Authenticator) Create(t testing.TB, options []byte, lies Lies) (*Credential, map[string]any) {
	t.Helper()
	var o creationOptions
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatalf("creation options: %v in %s", err, options)
	}
	handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
	if err != nil {
		t.Fatalf("the user's id %q: %v", o.User.ID, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &Credential{ID: randomBytes(t, 32), UserHandle: handle, RPID: o.RP.ID, key: key}
	if lies.As != nil {
		c.ID = lies.As.ID
	}
	clientData := a.clientData(t, "webauthn.create", o.Challenge, lies)
	data := a.data(c, flagAttested, lies, attested(t, c))
	statement := cborMap(0)
	format := "none"
	if a.Attestation == "packed" {
		format = a.Attestation
		statement = append(cborMap(2), cborText("alg")...)
		statement = append(statement, cborInt(-7)...)
		statement = append(append(statement, cborText("sig")...), cborBytes(c.sign(t, data, clientData, lies.Signature))...)
	}
	object := append(cborMap(3), cborText("fmt")...)
	object = append(append(object, cborText(format)...), cborText("attStmt")...)
	object = append(append(object, statement...), cborText("authData")...)
	object = append(object, cborBytes(data)...)
	a.keys = append(a.keys, c)
	return c, map[string]any{
		"id": encode(c.ID), "rawId": encode(c.ID), "type": "public-key", "authenticatorAttachment": "platform",
		"clientExtensionResults": map[string]any{"credProps": map[string]any{"rk": true}},
		"response": map[string]any{
			"attestationObject": encode(object), "clientDataJSON": encode(clientData), "authenticatorData": encode(data),
			"transports": []string{"internal", "hybrid"}, "publicKeyAlgorithm": -7, "publicKey": encode(publicKey(t, key)),
		},
	}
}

// Get answers the options with the key that they ask for, or with the newest of the relying
// party when they leave the choice. It returns nil when it has none, as a person who cancels.
func (a *Authenticator) Get(t testing.TB, options []byte, lies Lies) map[string]any {
	t.Helper()
	var o requestOptions
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatalf("request options: %v in %s", err, options)
	}
	for i := len(a.keys) - 1; i >= 0; i-- {
		c, allowed := a.keys[i], len(o.Allow) == 0
		for _, one := range o.Allow {
			allowed = allowed || one.ID == encode(c.ID)
		}
		if allowed && c.RPID == o.RPID {
			return a.Answer(t, c, o.Challenge, lies)
		}
	}
	return nil
}

// Answer answers a challenge with a key, whatever was asked for.
func (a *Authenticator) Answer(t testing.TB, c *Credential, challenge string, lies Lies) map[string]any {
	t.Helper()
	clientData := a.clientData(t, "webauthn.get", challenge, lies)
	if !a.Uncounted {
		c.Count++
	}
	data := a.data(c, 0, lies, nil)
	id := c.ID
	if lies.As != nil {
		id = lies.As.ID
	}
	response := map[string]any{
		"authenticatorData": encode(data), "clientDataJSON": encode(clientData), "signature": encode(c.sign(t, data, clientData, lies.Signature)),
	}
	switch {
	case lies.UserHandle != nil:
		response["userHandle"] = encode(lies.UserHandle)
	case !lies.NoUserHandle:
		response["userHandle"] = encode(c.UserHandle)
	}
	return map[string]any{
		"id": encode(id), "rawId": encode(id), "type": "public-key", "authenticatorAttachment": "platform",
		"clientExtensionResults": map[string]any{}, "response": response,
	}
}

// clientData is what the browser says of the ceremony (WebAuthn §5.8.1).
func (a *Authenticator) clientData(t testing.TB, kind, challenge string, lies Lies) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"type": or(lies.Type, kind), "challenge": or(lies.Challenge, challenge), "origin": or(lies.Origin, a.Origin), "crossOrigin": lies.CrossOrigin,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// data is the authenticator data (WebAuthn §6.1).
func (a *Authenticator) data(c *Credential, flags byte, lies Lies, credential []byte) []byte {
	flags |= FlagUserPresent
	if !a.Unverified {
		flags |= FlagUserVerified
	}
	flags = flags&^lies.Clear | lies.Set
	count := uint32(int64(c.Count) + lies.Count)
	hash := sha256.Sum256([]byte(or(lies.RPID, c.RPID)))
	data := append(hash[:], flags, byte(count>>24), byte(count>>16), byte(count>>8), byte(count))
	return append(data, credential...)
}

// sign signs authenticator data and client data.
func (c *Credential) sign(t testing.TB, data, clientData []byte, broken bool) []byte {
	t.Helper()
	client := sha256.Sum256(clientData)
	sum := sha256.Sum256(append(data[:len(data):len(data)], client[:]...))
	if broken {
		sum[0] ^= 1
	}
	signature, err := ecdsa.SignASN1(rand.Reader, c.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func or(given, otherwise string) string {
	if given != "" {
		return given
	}
	return otherwise
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func randomBytes(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}
