package identity

import (
	"net/http"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/ratelimit"
)

// The rate limits of verification and recovery. All but limitMail are counted by client
// address.
const (
	limitVerify      = "email_verify"
	limitResend      = "email_resend"
	limitForgot      = "password_forgot"
	limitReset       = "password_reset"
	limitEmailChange = "email_change"
	// limitMail is counted by the address that is mailed to, and the kind of mail.
	limitMail = "account_mail"
)

// mailLimits are the rate limits of verification and recovery.
func mailLimits() []ratelimit.Limit {
	return []ratelimit.Limit{
		{Name: limitVerify, Default: "60-M", Doc: "Requests from one client address that bring a token to verify an email address."},
		{Name: limitResend, Default: "30-H", Doc: "Requests from one client address for the mail that verifies an email address."},
		{Name: limitForgot, Default: "30-H", Doc: "Requests from one client address for the mail to choose a new password with."},
		{Name: limitReset, Default: "60-M", Doc: "Requests from one client address that bring a token to choose a new password."},
		{Name: limitEmailChange, Default: "30-H", Doc: "Requests from one client address to change the email address of a signed-in user."},
		{Name: limitMail, Default: "3-H", Doc: "Mails of one kind (verification, recovery, change of address) that one email address is sent on request, and, while nobody has proved it, on registrations and changes of the account. Those who are not signed in are not told: they are answered as ever, and nothing is sent."},
	}
}

// mailEndpoints are the operations of verification and recovery.
func (h handler) mailEndpoints() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "verify-email", Method: http.MethodPost, Path: "/api/v1/auth/verify-email", Access: httpx.MaybeSignedIn, ComplianceOnly: true, Limits: []string{limitVerify},
			Idempotent: true, Errors: []int{http.StatusConflict, http.StatusGone},
			Summary: "Email address verified", Tag: tag,
			Description: "Uses up a token that was mailed to verify an address, or to change to it. It works once, for 24 hours, and not when a newer " +
				"one was mailed. It signs nobody in. Second factors that were set up before the address was proved end, unless a session of the account brings the token. A conflict is a new address that somebody else has got meanwhile.",
			BodyExample: TokenBody{Token: exampleToken}, ResultExample: UserResult{User: []byte(exampleProfile)},
		}, h.verifyEmail),
		httpx.Op(httpx.Operation{
			ID: "resend-verification", Method: http.MethodPost, Path: "/api/v1/auth/resend-verification", Access: httpx.Public, Limits: []string{limitResend},
			Idempotent: true,
			Summary:    "A mail is sent if the address waits to be verified", Tag: tag,
			Description: "Mails a new link to an address whose account waits for it. The answer is the same for every address, and each is sent a few mails an hour at most.",
			BodyExample: EmailBody{Email: exampleEmail}, ResultExample: httpx.Empty{},
		}, h.resendVerification),
		httpx.Op(httpx.Operation{
			ID: "forgot-password", Method: http.MethodPost, Path: "/api/v1/auth/forgot-password", Access: httpx.Public, Limits: []string{limitForgot},
			Idempotent: true,
			Summary:    "A mail is sent if the address has an account", Tag: tag,
			Description: "Mails a link with which a new password can be chosen within 30 minutes. The answer is the same for every address, and each is sent a few mails an hour at most.",
			BodyExample: EmailBody{Email: exampleEmail}, ResultExample: httpx.Empty{},
		}, h.forgotPassword),
		httpx.Op(httpx.Operation{
			ID: "reset-password", Method: http.MethodPost, Path: "/api/v1/auth/reset-password", Access: httpx.Public, Limits: []string{limitReset},
			Idempotent: true, Errors: []int{http.StatusGone},
			Summary: "Password reset", Tag: tag,
			Description: "Uses up a token that was mailed for it, replaces the password and ends every session of the user. The address counts as verified then. " +
				"It signs nobody in. The rules for passwords are those of registration; a password that they refuse does not use up the token.",
			BodyExample: exampleReset(), ResultExample: httpx.Empty{},
		}, h.resetPassword, h.judgeReset),
		httpx.Op(httpx.Operation{
			ID: "change-email", Method: http.MethodPost, Path: mePath + "/email", Limits: []string{limitEmailChange, limitPassword},
			StepUp: httpx.StepUpOrPassword, Idempotent: true, Errors: []int{http.StatusConflict},
			Summary: "A mail is sent to the new address", Tag: tag,
			Description: "Mails a link to the new address and a notice to the present one. The account has the new address, verified, once the token in the link is " +
				"given to verify-email; sessions live on.",
			BodyExample: EmailChangeBody{Email: "bob@tech-startup.com", Current: exampleOldPassword}, ResultExample: httpx.Empty{},
		}, h.changeEmail),
	}
}

// TokenBody is the body of a verification.
type TokenBody struct {
	Token string `json:"token" minLength:"1" maxLength:"128" doc:"From the link in the mail."`
}

// EmailBody names an address.
type EmailBody struct {
	Email string `json:"email" format:"idn-email" maxLength:"255"`
}

// ResetBody is the body of a recovery.
type ResetBody struct {
	Token    string `json:"token" minLength:"1" maxLength:"128" doc:"From the link in the mail."`
	Password string `json:"password" format:"password" minLength:"8" maxLength:"128" doc:"Counted in code points after Unicode normalization NFKC."`
	Confirm  string `json:"password_confirm" format:"password" doc:"The same password again."`
}

// EmailChangeBody is the body of a wish for another address.
type EmailChangeBody struct {
	Email   string `json:"email" format:"idn-email" maxLength:"255" doc:"The new address. It is lower-cased."`
	Current string `json:"current_password" format:"password" minLength:"1"`
}
