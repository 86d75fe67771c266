package apperr

// The error types that every client must expect. Modules add their own.
const (
	CodeValidation           Code = "VALIDATION_ERROR"
	CodeBadRequest           Code = "BAD_REQUEST"
	CodeAuthRequired         Code = "AUTH_REQUIRED"
	CodeInvalidAuthFormat    Code = "INVALID_AUTH_FORMAT"
	CodeInvalidToken         Code = "INVALID_TOKEN"
	CodeSessionInactive      Code = "SESSION_INACTIVE"
	CodeAuthentication       Code = "AUTHENTICATION_ERROR"
	CodeStepUpRequired       Code = "STEP_UP_REQUIRED"
	CodeAuthorization        Code = "AUTHORIZATION_ERROR"
	CodeCSRF                 Code = "CSRF_ERROR"
	CodeMFAComplianceNeeded  Code = "MFA_COMPLIANCE_REQUIRED"
	CodeEmailNotVerified     Code = "EMAIL_NOT_VERIFIED"
	CodeSSORequired          Code = "SSO_REQUIRED"
	CodeNotFound             Code = "NOT_FOUND"
	CodeMethodNotAllowed     Code = "METHOD_NOT_ALLOWED"
	CodeConflict             Code = "CONFLICT"
	CodeIdempotencyConflict  Code = "IDEMPOTENCY_CONFLICT"
	CodeGone                 Code = "GONE"
	CodePreconditionFailed   Code = "PRECONDITION_FAILED"
	CodePayloadTooLarge      Code = "PAYLOAD_TOO_LARGE"
	CodeUnsupportedMediaType Code = "UNSUPPORTED_MEDIA_TYPE"
	CodeRateLimited          Code = "RATE_LIMIT_EXCEEDED"
	CodeInternal             Code = "INTERNAL_ERROR"
	CodeUpstream             Code = "UPSTREAM_ERROR"
	CodeUnavailable          Code = "SERVICE_UNAVAILABLE"
	CodeUpstreamTimeout      Code = "UPSTREAM_TIMEOUT"
)

// The errors of the platform itself. They are never changed, only copied.
var (
	ErrInternal          = New(Internal, CodeInternal, "An unexpected error occurred.")
	ErrValidation        = New(Invalid, CodeValidation, "The request is not valid.")
	ErrBadRequest        = New(Invalid, CodeBadRequest, "The request could not be read.")
	ErrAuthRequired      = New(Unauthenticated, CodeAuthRequired, "Sign in to do this.")
	ErrInvalidAuthFormat = New(Unauthenticated, CodeInvalidAuthFormat, "The Authorization header must be: Bearer <token>.")
	ErrInvalidToken      = New(Unauthenticated, CodeInvalidToken, "The session token is not valid.")
	ErrSessionInactive   = New(Unauthenticated, CodeSessionInactive, "The session has ended.")
	ErrAuthentication    = New(Unauthenticated, CodeAuthentication, "The credentials are not right.")
	ErrAuthorization     = New(Forbidden, CodeAuthorization, "You may not do this.")
	// ErrMFACompliance refuses sessions that may only be used to enroll a factor.
	ErrMFACompliance = New(Forbidden, CodeMFAComplianceNeeded, "Set up the second factor that your organization requires first.").
				With("overall_status", "suspended")
	ErrCSRF                 = New(Forbidden, CodeCSRF, "A request that changes something and signs in by cookie must come from an allowed origin.")
	ErrNotFound             = New(NotFound, CodeNotFound, "There is nothing here.")
	ErrMethodNotAllowed     = New(MethodNotAllowed, CodeMethodNotAllowed, "This path does not take that method.")
	ErrConflict             = New(Conflict, CodeConflict, "This conflicts with what is already there.")
	ErrIdempotencyConflict  = New(Conflict, CodeIdempotencyConflict, "This Idempotency-Key was used for another request or is still being worked on.")
	ErrGone                 = New(Gone, CodeGone, "This has expired.")
	ErrPreconditionFailed   = New(PreconditionFailed, CodePreconditionFailed, "It has changed since you read it.")
	ErrPayloadTooLarge      = New(TooLarge, CodePayloadTooLarge, "The body is too large.")
	ErrUnsupportedMediaType = New(UnsupportedMediaType, CodeUnsupportedMediaType, "The body must be sent as Content-Type: application/json.")
	ErrRateLimited          = New(RateLimited, CodeRateLimited, "Too many requests. Try again later.")
	ErrUpstream             = New(Upstream, CodeUpstream, "A service that this depends on answered with an error.")
	ErrUnavailable          = New(Unavailable, CodeUnavailable, "The service cannot do this right now. Try again shortly.")
	ErrUpstreamTimeout      = New(UpstreamTimeout, CodeUpstreamTimeout, "A service that this depends on did not answer in time.")
)

// Field returns a validation error about one field of the request. Join several
// with [Fields].
func Field(name, message string) *Error {
	return ErrValidation.With(name, []string{message})
}

// Fields returns one validation error for all complaints: field name to messages.
// It returns nil when there are none.
func Fields(complaints map[string][]string) error {
	if len(complaints) == 0 {
		return nil
	}
	err := ErrValidation
	for name, messages := range complaints {
		err = err.With(name, messages)
	}
	return err
}
