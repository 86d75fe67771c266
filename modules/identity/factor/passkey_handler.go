package factor

import (
	"net/http"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/ratelimit"
)

// The rate limits of passkeys, counted by client address. Nobody guesses a signature; they
// bound what strangers can have written and looked up.
const (
	limitPasskeyBegin    = "passkey_begin"
	limitPasskeyComplete = "passkey_complete"
)

// PasskeyLimits are the rate limits of passkeys.
func PasskeyLimits() []ratelimit.Limit {
	return []ratelimit.Limit{
		{Name: limitPasskeyBegin, Default: "60-M", Doc: "Requests from one client address for the options to make or use a passkey."},
		{Name: limitPasskeyComplete, Default: "60-M", Doc: "Requests from one client address that bring what a passkey answered."},
	}
}

// passkeyHandler is the HTTP side of passkeys.
type passkeyHandler struct{ passkeys *Passkeys }

const (
	webauthnPath   = "/api/v1/auth/webauthn"
	credentialPath = webauthnPath + "/credentials"
)

// Endpoints declares every operation of passkeys. Without sessions nobody signs in.
func (p *Passkeys) Endpoints() []httpx.Endpoint {
	h := passkeyHandler{p}
	all := h.own()
	if p.issuer.Enabled() {
		all = append(all, h.signIn()...)
	}
	return all
}

// signIn declares the operations that sign in.
func (h passkeyHandler) signIn() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "begin-passkey-login", Method: http.MethodPost, Path: webauthnPath + "/login/begin", Access: httpx.Public, Bare: true,
			Limits: []string{limitPasskeyBegin}, Errors: []int{http.StatusUnauthorized},
			Summary: "Options for a sign-in by passkey", Tag: tag,
			Description: "Gives what navigator.credentials.get() takes, after PublicKeyCredential.parseRequestOptionsFromJSON(): WebAuthn's own document, without an envelope. " +
				"With an email address it lists passkeys, in the same form for addresses that have none; with {} the browser finds one by itself, also for conditional mediation; " +
				"with mfa_token, or an address and the cookie of a sign-in of its user that waits, it asks for the second factor of that. Its challenge is good for one answer within 300 seconds.",
			BodyExample: BeginLoginBody{Email: "bob@acme-corp.com"}, ResultExample: exampleRequest(),
		}, h.beginLogin),
		httpx.Op(httpx.Operation{
			ID: "complete-passkey-login", Method: http.MethodPost, Path: webauthnPath + "/login/complete", Access: httpx.Public,
			Limits: []string{limitPasskeyComplete}, Errors: []int{http.StatusUnauthorized, http.StatusForbidden},
			Summary: "Signed in", Tag: tag,
			Description: "Takes what the browser's toJSON() gives of the passkey's answer, as it is, and completes the sign-in: the one that waits, or one by the passkey alone. " +
				"Whatever is wrong with the answer is 401, also a signature counter that did not rise.",
			BodyExample: exampleAssertion(), ResultExample: exampleSignedIn(),
		}, h.completeLogin),
	}
}

// own declares what users do with their own passkeys.
func (h passkeyHandler) own() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "begin-passkey-registration", Method: http.MethodPost, Path: webauthnPath + "/register/begin", ComplianceOnly: true, Bare: true,
			StepUp: httpx.StepUpNeeded, Limits: []string{limitPasskeyBegin}, Errors: []int{http.StatusConflict},
			Summary: "Options for a new passkey", Tag: tag,
			Description: "Gives what navigator.credentials.create() takes, after PublicKeyCredential.parseCreationOptionsFromJSON(): WebAuthn's own document, without an envelope. " +
				"Its challenge is good for one answer within 300 seconds.",
			ResultExample: exampleCreation(),
		}, h.beginRegistration),
		httpx.Op(httpx.Operation{
			ID: "complete-passkey-registration", Method: http.MethodPost, Path: webauthnPath + "/register/complete", ComplianceOnly: true,
			Limits: []string{limitPasskeyComplete}, Status: http.StatusCreated, Errors: []int{http.StatusConflict},
			Summary: "Passkey added", Tag: tag,
			Description: "Takes what the browser's toJSON() gives of the new passkey, as it is, and a name if there is one. The passkey is a second factor from then on, " +
				"and signs in alone where the authenticator checks who uses it. Every other session of the user ends, and a mail tells them.",
			BodyExample: exampleAttestation(), ResultExample: PasskeyResult{Credential: examplePasskey()},
		}, h.register),
		httpx.Op(httpx.Operation{
			ID: "list-passkeys", Method: http.MethodGet, Path: credentialPath, ComplianceOnly: true,
			Summary: "Your passkeys", Tag: tag,
			Description:   "Lists the passkeys of the user, the oldest first. There are at most 50.",
			ResultExample: PasskeyList{Credentials: []Passkey{examplePasskey()}, Count: 1},
		}, h.list),
		httpx.Op(httpx.Operation{
			ID: "rename-passkey", Method: http.MethodPatch, Path: credentialPath + "/{credential_id}", Errors: []int{http.StatusNotFound},
			Summary: "Passkey renamed", Tag: tag,
			Description: "Gives a passkey another name.",
			BodyExample: PasskeyName{Name: "Laptop"}, ResultExample: PasskeyResult{Credential: examplePasskey()},
		}, h.rename),
		httpx.Op(httpx.Operation{
			ID: "delete-passkey", Method: http.MethodDelete, Path: credentialPath + "/{credential_id}", StepUp: httpx.StepUpNeeded,
			Errors:  []int{http.StatusNotFound},
			Summary: "Passkey deleted", Tag: tag,
			Description: "Gives a passkey up. Every other session of the user ends, and a mail tells them. The last passkey of a user without an authenticator app " +
				"stays: 400 BAD_REQUEST.",
			ResultExample: httpx.Empty{},
		}, h.delete),
		httpx.Op(httpx.Operation{
			ID: "get-passkeys-status", Method: http.MethodGet, Path: webauthnPath + "/status", ComplianceOnly: true,
			Summary: "Whether you have passkeys", Tag: tag,
			Description:   "Says whether the user has passkeys, and how many.",
			ResultExample: PasskeyStatus{Enabled: true, Count: 1},
		}, h.status),
	}
}

// BeginLoginBody says who wants to sign in: nobody yet, an address, or a sign-in that waits.
type BeginLoginBody struct {
	Email    string `json:"email,omitzero" format:"idn-email" maxLength:"255" doc:"Whose passkeys are asked for."`
	MFAToken string `json:"mfa_token,omitzero" minLength:"1" maxLength:"128" doc:"Names the sign-in that waits for a second factor."`
	StepUp   bool   `json:"step_up,omitzero" default:"false" doc:"Asks for options whose answer goes to step-up and signs nobody in. Possession of the passkey is enough there."`
}

// PasskeyResult is a passkey.
type PasskeyResult struct {
	Credential Passkey `json:"credential"`
}

// PasskeyList is every passkey of the user.
type PasskeyList struct {
	Credentials []Passkey `json:"credentials" nullable:"false"`
	Count       int       `json:"count"`
}

// PasskeyName is the new name of a passkey.
type PasskeyName struct {
	Name string `json:"name" minLength:"1" maxLength:"100"`
}

// PasskeyStatus is whether the user has passkeys.
type PasskeyStatus struct {
	Enabled bool  `json:"webauthn_enabled"`
	Count   int64 `json:"credential_count" minimum:"0"`
}
