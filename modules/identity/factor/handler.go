package factor

import (
	"net/http"
	"time"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/ratelimit"
)

// tag groups the operations of this package in the document.
const tag = "Second factors"

// The rate limits of this package, counted by client address. Guessing is slowed down by
// account elsewhere.
const (
	limitEnroll  = "totp_enroll"
	limitCode    = "totp_code"
	limitFactors = "factor_password"
)

// Limits are the rate limits of authenticator apps.
func Limits() []ratelimit.Limit {
	return []ratelimit.Limit{
		{Name: limitEnroll, Default: "30-H", Doc: "Requests from one client address to set an authenticator app up."},
		{Name: limitCode, Default: "60-M", Doc: "Requests from one client address that bring a code of an authenticator app or a recovery code."},
		{Name: limitFactors, Default: "30-M", Doc: "Requests from one client address that check the password of a user who changes their second factors."},
	}
}

// handler is the HTTP side of the service.
type handler struct{ service *Service }

const (
	totpPath    = "/api/v1/auth/totp"
	devicesPath = "/api/v1/auth/devices"
)

// Endpoints declares every operation. Without sessions there is no sign-in to complete.
func (s *Service) Endpoints() []httpx.Endpoint {
	h := handler{s}
	all := h.own()
	if s.challenges.issuer.Enabled() {
		all = append(all, h.signIn())
	}
	return all
}

// signIn declares the operation that completes a sign-in.
func (h handler) signIn() httpx.Endpoint {
	return httpx.Op(httpx.Operation{
		ID: "verify-totp", Method: http.MethodPost, Path: totpPath + "/verify", Access: httpx.Public, Limits: []string{limitCode},
		Errors:  []int{http.StatusUnauthorized, http.StatusForbidden},
		Summary: "Signed in", Tag: tag,
		Description: "Completes a sign-in that asked for a second factor, with a code of the app or a recovery code. mfa_token names the sign-in; browsers may leave it " +
			"to the cookie that the log-in set. A code counts once, within 30 seconds before and after its time by the server's clock. After ten codes, or five minutes, the password is asked again.",
		BodyExample: CodeBody{MFAToken: exampleToken, Code: exampleCode}, ResultExample: exampleSignedIn(),
	}, h.verify)
}

// own declares what users do with their own factors.
func (h handler) own() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "enroll-totp", Method: http.MethodPost, Path: totpPath + "/enroll", ComplianceOnly: true, StepUp: httpx.StepUpNeeded, Limits: []string{limitEnroll},
			Status: http.StatusCreated, Errors: []int{http.StatusConflict},
			Summary: "Authenticator app prepared", Tag: tag,
			Description: "Makes the secret of an authenticator app (RFC 6238: SHA-1, six digits, 30 seconds) and ten recovery codes, all shown once. " +
				"The app is asked for once verify-enrollment has seen a code of it; until then this may be called again, and what it made before is void.",
			ResultExample: exampleEnrollment(),
		}, h.enroll),
		httpx.Op(httpx.Operation{
			ID: "verify-totp-enrollment", Method: http.MethodPost, Path: totpPath + "/verify-enrollment", ComplianceOnly: true, Limits: []string{limitCode},
			Summary: "Authenticator app set up", Tag: tag,
			Description: "Takes the first code of the app and asks for one at every sign-in from then on. Every other session of the user ends. The code is used up.",
			BodyExample: EnrollmentBody{Code: exampleCode}, ResultExample: httpx.Empty{},
		}, h.verifyEnrollment),
		httpx.Op(httpx.Operation{
			ID: "get-totp", Method: http.MethodGet, Path: totpPath + "/status", ComplianceOnly: true,
			Summary: "Your authenticator app", Tag: tag,
			Description:   "Says whether an authenticator app is set up, and how many recovery codes are left.",
			ResultExample: exampleStatus(),
		}, h.status),
		httpx.Op(httpx.Operation{
			ID: "regenerate-backup-codes", Method: http.MethodPost, Path: totpPath + "/regenerate-backup-codes", StepUp: httpx.StepUpOrPassword, Limits: []string{limitFactors},
			Summary: "Recovery codes replaced", Tag: tag,
			Description: "Makes ten new recovery codes, shown once. Those from before are void. Users without an authenticator app have none.",
			BodyExample: OwnPassword{Password: examplePassword}, ResultExample: BackupCodes{Codes: exampleCodes()},
		}, h.regenerate),
		httpx.Op(httpx.Operation{
			ID: "disable-totp", Method: http.MethodDelete, Path: totpPath + "/disable", StepUp: httpx.StepUpOrPassword, Limits: []string{limitFactors},
			Summary: "Authenticator app removed", Tag: tag,
			Description: "Gives the authenticator app and its recovery codes up. Every other session of the user ends.",
			BodyExample: OwnPassword{Password: examplePassword}, ResultExample: httpx.Empty{},
		}, h.disable),
		httpx.Op(httpx.Operation{
			ID: "list-devices", Method: http.MethodGet, Path: devicesPath, ComplianceOnly: true,
			Summary: "Remembered devices", Tag: tag,
			Description:   "Lists the browsers that are not asked for a second factor for a while, newest first.",
			ResultExample: exampleDevices(),
		}, h.listDevices),
		httpx.Op(httpx.Operation{
			ID: "forget-device", Method: http.MethodDelete, Path: devicesPath + "/{id}", ComplianceOnly: true, Errors: []int{http.StatusNotFound},
			Summary: "Device forgotten", Tag: tag,
			Description:   "Has one of the browsers asked for a second factor again.",
			ResultExample: httpx.Empty{},
		}, h.forgetDevice),
		httpx.Op(httpx.Operation{
			ID: "forget-devices", Method: http.MethodDelete, Path: devicesPath, ComplianceOnly: true,
			Summary: "Devices forgotten", Tag: tag,
			Description:   "Has every browser asked for a second factor again.",
			ResultExample: ForgottenDevices{Forgotten: 1},
		}, h.forgetDevices),
	}
}

// TOTPEnrollment is what an authenticator app is set up with.
type TOTPEnrollment struct {
	Secret string   `json:"secret" minLength:"32" maxLength:"32" doc:"The secret in base32, to be typed where no camera is at hand."`
	URI    string   `json:"provisioning_uri" doc:"The otpauth address that brings the secret into an app."`
	QRCode string   `json:"qr_code" doc:"The address as a QR code: a PNG in a data URI."`
	Codes  []string `json:"backup_codes" nullable:"false" doc:"Recovery codes. Each opens the account once in place of a code, after the app was set up."`
}

// EnrollmentBody is the first code of an app.
type EnrollmentBody struct {
	Code string `json:"code" pattern:"^[0-9]{6}$" doc:"What the app shows."`
	// Timestamp is what older clients send. The server's clock is the only one.
	Timestamp httpx.Optional[int64] `json:"client_timestamp,omitzero" doc:"Ignored: only the server's clock counts."`
}

// CodeBody is a code for a sign-in.
type CodeBody struct {
	MFAToken  string                `json:"mfa_token,omitzero" maxLength:"128" doc:"Names the sign-in, from the log-in's answer. Left out where the cookie jar has it."`
	Code      string                `json:"code" minLength:"1" maxLength:"64" doc:"What the app shows, or a recovery code."`
	IsBackup  bool                  `json:"is_backup_code,omitzero" default:"false" doc:"Says that the code is a recovery code."`
	Remember  bool                  `json:"remember_device,omitzero" default:"false" doc:"Asks that this browser is not asked again for a while, where the operator allows it."`
	Timestamp httpx.Optional[int64] `json:"client_timestamp,omitzero" doc:"Ignored: only the server's clock counts."`
}

// OwnPassword is the password of a user who changes their second factors.
type OwnPassword struct {
	Password string `json:"password" format:"password" minLength:"1" maxLength:"1024"`
}

// BackupCodes is a set of recovery codes.
type BackupCodes struct {
	Codes []string `json:"backup_codes" nullable:"false"`
}

// ProvenUser describes the user in answers; identity writes it.
type ProvenUser struct {
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

// CompletedSignIn is the session of a sign-in that a second factor completed.
type CompletedSignIn struct {
	User       httpx.RawObject[ProvenUser] `json:"user"`
	Token      string                      `json:"token" doc:"The session's token, shown once: send it as Authorization: Bearer."`
	ExpiresAt  time.Time                   `json:"expires_at" doc:"When the session ends if no request follows."`
	Compliance authn.ComplianceOverview    `json:"mfa_compliance" doc:"What the user's organizations ask of their second factors."`
	// NeedsEnrollment is true when the session may only be used to enroll a factor.
	NeedsEnrollment bool `json:"requires_mfa_enrollment,omitzero" doc:"True when the session may only be used to set up a second factor."`
}

// DeviceList is a page of remembered devices.
type DeviceList struct {
	Devices []RememberedDevice `json:"devices" nullable:"false"`
	Count   int                `json:"count" doc:"How many devices this page holds."`
}

// ForgottenDevices is how many devices are asked again.
type ForgottenDevices struct {
	Forgotten int64 `json:"forgotten" minimum:"0"`
}
