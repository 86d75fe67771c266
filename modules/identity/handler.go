package identity

import (
	"net/http"
	"time"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/ratelimit"
)

// tag groups the operations of this module in the document.
const tag = "Users"

// The rate limits of this module. They are counted by client address and generous, since
// many people may share one; guessing is slowed down by account elsewhere.
const (
	limitRegister = "register"
	limitPassword = "password"
)

func limits() []ratelimit.Limit {
	return append([]ratelimit.Limit{
		{Name: limitRegister, Default: "60-H", Doc: "Registrations from one client address, successful or not."},
		{Name: limitPassword, Default: "30-M", Doc: "Requests from one client address that check the current password of a signed-in user."},
	}, mailLimits()...)
}

// handler is the HTTP side of the service.
type handler struct{ service *Service }

// mePath is the user of the session.
const mePath = "/api/v1/users/me"

// endpoints declares every operation.
func (h handler) endpoints() []httpx.Endpoint {
	return append([]httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "register", Method: http.MethodPost, Path: "/api/v1/auth/register", Access: httpx.Public, Limits: []string{limitRegister},
			Status: http.StatusCreated, Idempotent: true, Errors: []int{http.StatusForbidden, http.StatusConflict},
			Summary: "Account created", Tag: tag,
			Description: "Creates an account and signs its owner in. The session's token is in the answer and, for browsers, in a cookie. " +
				"Passwords have 8 to 128 characters; those known from breaches and the email address itself are refused. " +
				"A mail asks them to verify the address. Where nobody signs in before that, and on a server without sessions, the answer holds the user alone.",
			BodyExample: exampleRegister(), ResultExample: exampleRegistered(),
		}, h.register, h.judgeRegister),
		httpx.Op(httpx.Operation{
			ID: "get-user", Method: http.MethodGet, Path: mePath, ComplianceOnly: true, Tagged: true,
			Summary: "Your profile", Tag: tag,
			Description:   "Shows the user of this session.",
			ResultExample: UserResult{User: []byte(exampleProfile)},
		}, h.get),
		httpx.Op(httpx.Operation{
			ID: "update-user", Method: http.MethodPatch, Path: mePath, Tagged: true, Errors: []int{http.StatusPreconditionFailed},
			Summary: "Profile changed", Tag: tag,
			Description: "Changes the members that are given; null clears one.",
			BodyExample: exampleUpdate(), ResultExample: UserResult{User: []byte(exampleProfile)},
		}, h.update),
		httpx.Op(httpx.Operation{
			ID: "delete-user", Method: http.MethodDelete, Path: mePath, StepUp: httpx.StepUpOrPassword, Limits: []string{limitPassword},
			Errors:  []int{http.StatusConflict, http.StatusPreconditionFailed},
			Summary: "Account deleted", Tag: tag,
			Description: "Deletes the account and everything that belongs to it, and ends its sessions. The current password is asked of " +
				"users who have one. The email address may be registered again.",
			BodyExample: exampleDelete(), ResultExample: httpx.Empty{},
		}, h.delete),
		httpx.Op(httpx.Operation{
			ID: "change-password", Method: http.MethodPost, Path: mePath + "/password", Limits: []string{limitPassword},
			Summary: "Password changed", Tag: tag,
			Description: "Replaces the password and ends every other session of the user. The rules are those of registration.",
			BodyExample: examplePassword(), ResultExample: httpx.Empty{},
		}, h.changePassword, h.judgePassword),
		httpx.Op(httpx.Operation{
			ID: "export-user", Method: http.MethodGet, Path: mePath + "/export", StepUp: httpx.StepUpNeeded,
			Summary: "Everything held on you", Tag: tag,
			Description:   "Gives everything that the system holds on the user, by section. Secrets are not part of it.",
			ResultExample: exampleExport(),
		}, h.export),
	}, h.mailEndpoints()...)
}

// RegisterBody is the body of a registration.
type RegisterBody struct {
	Email    string                 `json:"email" format:"idn-email" maxLength:"255" doc:"Address of the account. It is lower-cased."`
	Password string                 `json:"password" format:"password" minLength:"8" maxLength:"128" doc:"Counted in code points after Unicode normalization NFKC."`
	Confirm  string                 `json:"password_confirm" format:"password" doc:"The same password again."`
	FullName httpx.Optional[string] `json:"full_name,omitzero" maxLength:"255"`
}

// RegisterResult is a new account and the session of its owner.
type RegisterResult struct {
	User      httpx.RawObject[User] `json:"user"`
	Token     string                `json:"token,omitzero" doc:"The session's token, shown once: send it as Authorization: Bearer. Absent where registration signs nobody in."`
	ExpiresAt time.Time             `json:"expires_at,omitzero" doc:"When the session ends if no request follows."`
}

// UserResult is a user.
type UserResult struct {
	User httpx.RawObject[User] `json:"user"`
}

// UpdateBody is the body of a change of profile.
type UpdateBody struct {
	FullName  httpx.Optional[string] `json:"full_name,omitzero" maxLength:"255"`
	AvatarURL httpx.Optional[string] `json:"avatar_url,omitzero" format:"uri" maxLength:"512" doc:"An http or https address."`
}

// DeleteBody is the body of a deletion.
type DeleteBody struct {
	Current string `json:"current_password,omitzero" format:"password" minLength:"1" doc:"Needed when the account has a password."`
}

// PasswordBody is the body of a change of password.
type PasswordBody struct {
	Current string `json:"current_password" format:"password" minLength:"1"`
	New     string `json:"new_password" format:"password" minLength:"8" maxLength:"128" doc:"Counted in code points after Unicode normalization NFKC."`
	Confirm string `json:"new_password_confirm" format:"password" doc:"The new password again."`
}
