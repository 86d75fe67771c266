package factor

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
)

// Attestation is a new passkey as the browser's toJSON() writes it (WebAuthn
// RegistrationResponseJSON), and its name. Browsers add members, which are overlooked here.
type Attestation struct {
	_ struct{} `additionalProperties:"true"`

	ID         string              `json:"id" minLength:"1" maxLength:"1400" doc:"base64url."`
	RawID      string              `json:"rawId" minLength:"1" maxLength:"1400" doc:"base64url, the same as id."`
	Type       string              `json:"type" enum:"public-key"`
	Response   AttestationResponse `json:"response"`
	Transports []string            `json:"transports,omitzero" maxItems:"16" doc:"How the authenticator is reached: usb, nfc, ble, smart-card, hybrid, internal. Others are overlooked. Also read from response."`
	Name       string              `json:"name,omitzero" minLength:"1" maxLength:"100" doc:"What the user calls it. Passkey and the date otherwise."`
	Extensions map[string]any      `json:"clientExtensionResults,omitzero" doc:"What extensions answered."`
}

// AttestationResponse is what the authenticator answered.
type AttestationResponse struct {
	_ struct{} `additionalProperties:"true"`

	AttestationObject string   `json:"attestationObject" minLength:"1" maxLength:"87384" doc:"base64url."`
	ClientDataJSON    string   `json:"clientDataJSON" minLength:"1" maxLength:"8192" doc:"base64url."`
	Transports        []string `json:"transports,omitzero" maxItems:"16"`
}

// Assertion is a passkey's answer as the browser's toJSON() writes it (WebAuthn
// AuthenticationResponseJSON). Browsers add members, which are overlooked here.
type Assertion struct {
	_ struct{} `additionalProperties:"true"`

	ID       string            `json:"id" minLength:"1" maxLength:"1400" doc:"base64url."`
	RawID    string            `json:"rawId" minLength:"1" maxLength:"1400" doc:"base64url, the same as id."`
	Type     string            `json:"type" enum:"public-key"`
	Response AssertionResponse `json:"response"`
	MFAToken string            `json:"mfa_token,omitzero" minLength:"1" maxLength:"128" doc:"Names the sign-in that waits for the passkey, where no cookie does."`
}

// AssertionResponse is what the authenticator answered.
type AssertionResponse struct {
	_ struct{} `additionalProperties:"true"`

	AuthenticatorData string  `json:"authenticatorData" minLength:"1" maxLength:"8192" doc:"base64url."`
	ClientDataJSON    string  `json:"clientDataJSON" minLength:"1" maxLength:"8192" doc:"base64url."`
	Signature         string  `json:"signature" minLength:"1" maxLength:"4096" doc:"base64url."`
	UserHandle        *string `json:"userHandle,omitzero" nullable:"true" maxLength:"128" doc:"base64url; who the passkey belongs to."`
}

// knownTransports are the values of WebAuthn §5.8.4, and platform, which older clients send.
const knownTransports = " usb nfc ble smart-card hybrid internal platform "

// transports returns the known ones, each once.
func (a *Attestation) transports() []string {
	known := []string{}
	seen := " "
	for _, t := range append(a.Response.Transports[:len(a.Response.Transports):len(a.Response.Transports)], a.Transports...) {
		if t != "" && !strings.Contains(t, " ") && strings.Contains(knownTransports, " "+t+" ") && !strings.Contains(seen, " "+t+" ") {
			known, seen = append(known, t), seen+t+" "
		}
	}
	return known
}

// discoverable is what the browser says of the passkey; nil when it says nothing.
func (a *Attestation) discoverable() *bool {
	props, _ := a.Extensions["credProps"].(map[string]any)
	if rk, ok := props["rk"].(bool); ok {
		return &rk
	}
	return nil
}

// errEncoding means that something is not base64url.
var errEncoding = errors.New("factor: not base64url")

// decoder decodes base64url, and remembers whether all of it was.
type decoder struct{ failed bool }

func (d *decoder) bytes(s string) protocol.URLEncodedBase64 {
	b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
	if err != nil || strings.ContainsAny(s, "\r\n") {
		d.failed = true
	}
	return b
}

// parse reads the attestation. Its error is for the log.
func (a *Attestation) parse() (*protocol.ParsedCredentialCreationData, error) {
	var d decoder
	r := protocol.CredentialCreationResponse{
		PublicKeyCredential: protocol.PublicKeyCredential{Credential: protocol.Credential{ID: strings.TrimRight(a.ID, "="), Type: a.Type}, RawID: d.bytes(a.RawID)},
		AttestationResponse: protocol.AuthenticatorAttestationResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: d.bytes(a.Response.ClientDataJSON)},
			AttestationObject:     d.bytes(a.Response.AttestationObject),
		},
	}
	if d.failed {
		return nil, errEncoding
	}
	return r.Parse()
}

// parse reads the assertion. Its error is for the log.
func (a *Assertion) parse() (*protocol.ParsedCredentialAssertionData, error) {
	var d decoder
	handle := ""
	if a.Response.UserHandle != nil {
		handle = *a.Response.UserHandle
	}
	r := protocol.CredentialAssertionResponse{
		PublicKeyCredential: protocol.PublicKeyCredential{Credential: protocol.Credential{ID: strings.TrimRight(a.ID, "="), Type: a.Type}, RawID: d.bytes(a.RawID)},
		AssertionResponse: protocol.AuthenticatorAssertionResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: d.bytes(a.Response.ClientDataJSON)},
			AuthenticatorData:     d.bytes(a.Response.AuthenticatorData), Signature: d.bytes(a.Response.Signature), UserHandle: d.bytes(handle),
		},
	}
	if d.failed {
		return nil, errEncoding
	}
	return r.Parse()
}
