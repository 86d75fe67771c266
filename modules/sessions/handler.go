package sessions

import (
	"net/http"
	"time"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/ratelimit"
)

// tag groups the operations of this module in the document.
const tag = "Sessions"

// limitLogin is the fixed window of log-ins from one address. It is generous: many
// people may share an address. Guessing is slowed down by account elsewhere.
const limitLogin = "login"

// limits are the rate limits of this module.
func limits() []ratelimit.Limit {
	return []ratelimit.Limit{{
		Name: limitLogin, Default: "60-M", Doc: "Log-ins from one client address, successful or not.",
	}}
}

// handler is the HTTP side of the service.
type handler struct{ service *Service }

// endpoints declares every operation. All of them stay open to sessions that may only
// be used to enroll a factor.
func (h handler) endpoints() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "login", Method: http.MethodPost, Path: "/api/v1/auth/login", Access: httpx.Public, Limits: []string{limitLogin},
			Summary: "Signed in", Tag: tag, Errors: []int{http.StatusUnauthorized, http.StatusForbidden},
			Description: "Signs in with email and password. The session's token is in the answer and, for browsers, in a cookie. " +
				"Unknown emails and wrong passwords are answered alike; repeated failures are slowed down, never locked out for long.",
			BodyExample: exampleLogin(), ResultExample: exampleLoginResult(),
		}, h.login),
		httpx.Op(httpx.Operation{
			ID: "logout", Method: http.MethodPost, Path: "/api/v1/auth/logout", ComplianceOnly: true,
			Summary: "Signed out", Tag: tag,
			Description:   "Ends the session of this request. Its token is refused everywhere when the answer arrives.",
			ResultExample: httpx.Empty{},
		}, h.logout),
		httpx.Op(httpx.Operation{
			ID: "get-me", Method: http.MethodGet, Path: "/api/v1/auth/me", ComplianceOnly: true,
			Summary: "The signed-in user", Tag: tag,
			Description:   "Shows the user of this session and the organizations they belong to.",
			ResultExample: exampleMe(),
		}, h.me),
		httpx.Op(httpx.Operation{
			ID: "list-sessions", Method: http.MethodGet, Path: "/api/v1/auth/sessions", ComplianceOnly: true,
			Summary: "Your sessions", Tag: tag,
			Description:   "Lists the user's sessions that are active and within their limits, newest first.",
			ResultExample: exampleList(),
		}, h.list),
		httpx.Op(httpx.Operation{
			ID: "refresh-session", Method: http.MethodPost, Path: "/api/v1/auth/sessions/refresh", ComplianceOnly: true,
			Summary: "Session refreshed", Tag: tag,
			Description:   "Extends the idle window of this session, as every request does, and says until when. No refresh passes the absolute limit.",
			ResultExample: exampleRefresh(),
		}, h.refresh),
		httpx.Op(httpx.Operation{
			ID: "revoke-session", Method: http.MethodDelete, Path: "/api/v1/auth/sessions/{id}", ComplianceOnly: true,
			Summary: "Session revoked", Tag: tag, Errors: []int{http.StatusNotFound},
			Description:   "Ends one of the user's sessions. Ending it again is no error.",
			ResultExample: httpx.Empty{},
		}, h.revoke),
		httpx.Op(httpx.Operation{
			ID: "revoke-sessions", Method: http.MethodDelete, Path: "/api/v1/auth/sessions", ComplianceOnly: true,
			Summary: "Sessions revoked", Tag: tag,
			Description:   "Ends every session of the user but this one, or this one too.",
			ResultExample: RevokedCount{Revoked: 2},
		}, h.revokeAll),
		h.stepUpEndpoint(),
	}
}

// LoginBody is the body of a log-in.
type LoginBody struct {
	Email      string `json:"email" format:"idn-email" maxLength:"255" doc:"Address of the account."`
	Password   string `json:"password" minLength:"1" maxLength:"1024" doc:"The account's password."`
	RememberMe bool   `json:"remember_me,omitzero" default:"false" doc:"Asks for the longer limits, where the operator allows them."`
}

// SignedInUser describes the user in answers; identity writes it.
type SignedInUser struct {
	ID            string     `json:"id" format:"uuid"`
	Email         string     `json:"email" format:"idn-email"`
	EmailVerified bool       `json:"email_verified"`
	FullName      *string    `json:"full_name"`
	AvatarURL     *string    `json:"avatar_url"`
	Status        string     `json:"status" enum:"active,inactive,suspended,pending,compliance_suspended"`
	LastLoginAt   *time.Time `json:"last_login_at"`
	LastLoginIP   *string    `json:"last_login_ip"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
}

// LoginResult is the answer to a log-in: a session, or a demand for one more proof.
type LoginResult struct {
	User       httpx.RawObject[SignedInUser] `json:"user,omitzero" doc:"The user who signed in."`
	Token      string                        `json:"token,omitzero" doc:"The session's token, shown once: send it as Authorization: Bearer."`
	ExpiresAt  time.Time                     `json:"expires_at" doc:"When the session ends if no request follows, or when mfa_token is void."`
	Compliance *authn.ComplianceOverview     `json:"mfa_compliance,omitzero" doc:"What the user's organizations ask of their second factors."`
	// NeedsEnrollment is true when the session may only be used to enroll a factor.
	NeedsEnrollment bool     `json:"requires_mfa_enrollment,omitzero" doc:"True when the session may only be used to set up a second factor."`
	NeedsTOTP       bool     `json:"requires_totp,omitzero" doc:"True when a code is asked for; there is no session yet."`
	NeedsWebAuthn   bool     `json:"requires_webauthn,omitzero" doc:"True when a passkey is asked for; there is no session yet."`
	MFAToken        string   `json:"mfa_token,omitzero" doc:"Names the sign-in that waits for a further proof."`
	Methods         []string `json:"methods,omitzero" doc:"Proofs that would do (RFC 8176), the preferred one first."`
}

// Me is the signed-in user.
type Me struct {
	User          httpx.RawObject[SignedInUser] `json:"user"`
	Organizations []Organization                `json:"organizations"`
}

// SessionList is a page of sessions.
type SessionList struct {
	Sessions []Session `json:"sessions"`
	Count    int       `json:"count" doc:"How many sessions this page holds."`
}

// Refreshed is until when a session lasts.
type Refreshed struct {
	ExpiresAt         time.Time `json:"expires_at" doc:"When the session ends if no request follows."`
	AbsoluteExpiresAt time.Time `json:"absolute_expires_at" doc:"When the session ends whatever happens."`
}

// RevokedCount is how many sessions ended.
type RevokedCount struct {
	Revoked int `json:"revoked" minimum:"0"`
}
