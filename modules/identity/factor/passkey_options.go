package factor

import (
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// CreationOptions are what a browser makes a passkey by: PublicKeyCredentialCreationOptionsJSON
// of WebAuthn §5.1.9, without an envelope.
type CreationOptions struct {
	RP          RPEntity              `json:"rp"`
	User        UserEntity            `json:"user"`
	Challenge   string                `json:"challenge" doc:"base64url; worth one answer within 300 seconds."`
	Parameters  []CredentialParameter `json:"pubKeyCredParams"`
	Timeout     int                   `json:"timeout" doc:"Milliseconds."`
	Exclude     []CredentialRef       `json:"excludeCredentials" doc:"The passkeys that there are."`
	Selection   Selection             `json:"authenticatorSelection"`
	Attestation string                `json:"attestation"`
	Extensions  CreationExtensions    `json:"extensions"`
}

// RPEntity is for whom a passkey is made.
type RPEntity struct {
	Name string `json:"name"`
	ID   string `json:"id"`
}

// UserEntity is who makes one.
type UserEntity struct {
	ID          string `json:"id" doc:"base64url."`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// CredentialParameter is a kind of key.
type CredentialParameter struct {
	Type string `json:"type"`
	Alg  int    `json:"alg" doc:"COSE algorithm: -7 is ES256, -257 is RS256."`
}

// CredentialRef names a passkey.
type CredentialRef struct {
	ID         string   `json:"id" doc:"base64url."`
	Type       string   `json:"type"`
	Transports []string `json:"transports"`
}

// Selection is which authenticators will do.
type Selection struct {
	ResidentKey      string `json:"residentKey"`
	UserVerification string `json:"userVerification"`
}

// CreationExtensions asks whether the new passkey can be found without an address.
type CreationExtensions struct {
	CredProps bool `json:"credProps"`
}

// RequestOptions are what a browser finds a passkey by: PublicKeyCredentialRequestOptionsJSON
// of WebAuthn §5.1.10, without an envelope.
type RequestOptions struct {
	Challenge        string          `json:"challenge" doc:"base64url; worth one answer within 300 seconds."`
	Timeout          int             `json:"timeout" doc:"Milliseconds."`
	RPID             string          `json:"rpId"`
	Allow            []CredentialRef `json:"allowCredentials" doc:"Empty where the browser finds a passkey by itself."`
	UserVerification string          `json:"userVerification" doc:"required where the passkey signs in alone."`
}

// credentialParameters are the kinds of keys that are accepted.
func credentialParameters() []protocol.CredentialParameter {
	return []protocol.CredentialParameter{
		{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
		{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256},
	}
}

func (p *Passkeys) creationOptions(userID, email, challenge string, present []passkeyRow) CreationOptions {
	o := CreationOptions{
		RP:        RPEntity{Name: p.config.Name, ID: p.config.ID},
		User:      UserEntity{ID: encodeID([]byte(userID)), Name: email, DisplayName: email},
		Challenge: challenge, Timeout: ceremonyTimeout, Exclude: references(present),
		Selection:   Selection{ResidentKey: string(protocol.ResidentKeyRequirementPreferred), UserVerification: string(protocol.VerificationPreferred)},
		Attestation: string(protocol.PreferNoAttestation), Extensions: CreationExtensions{CredProps: true},
	}
	for _, c := range credentialParameters() {
		o.Parameters = append(o.Parameters, CredentialParameter{Type: string(c.Type), Alg: int(c.Algorithm)})
	}
	return o
}

func (p *Passkeys) requestOptions(c ceremony, challenge string, allow []CredentialRef) RequestOptions {
	return RequestOptions{
		Challenge: challenge, Timeout: ceremonyTimeout, RPID: p.config.ID, Allow: allow, UserVerification: string(c.verification()),
	}
}

// references names passkeys to a browser.
func references(rows []passkeyRow) []CredentialRef {
	refs := make([]CredentialRef, 0, len(rows))
	for i := range rows {
		shown := rows[i].shown()
		refs = append(refs, CredentialRef{ID: shown.ID, Type: string(protocol.PublicKeyCredentialType), Transports: shown.Transports})
	}
	return refs
}
