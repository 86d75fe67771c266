package authn

import (
	"slices"
	"time"

	"github.com/authy2/backend/platform/apperr"
)

// The ways of proving who one is that [Principal.AuthMethods] names (RFC 8176 §2).
const (
	// MethodPassword is a password.
	MethodPassword = "pwd"
	// MethodOTP is a one-time code of an authenticator app.
	MethodOTP = "otp"
	// MethodHardwareKey is a passkey.
	MethodHardwareKey = "hwk"
	// MethodRecovery is a recovery code, which takes a second factor's place. RFC 8176 has no
	// value for it.
	MethodRecovery = "recovery"
)

// IsSecondFactor reports whether a method of authentication is a second factor.
func IsSecondFactor(method string) bool {
	return method == MethodOTP || method == MethodHardwareKey || method == MethodRecovery
}

// Fresh reports whether the user proved who they are recently enough at now, with a
// second factor if they have one.
func (p *Principal) Fresh(now time.Time) bool {
	if p.FreshFor <= 0 || now.Sub(p.AuthenticatedAt) > p.FreshFor {
		return false
	}
	return !p.Account.SecondFactor || slices.ContainsFunc(p.AuthMethods, IsSecondFactor)
}

// StepUpRequired is what a session that is not [Principal.Fresh] is told: how recent the
// proof must be, max_age in seconds, and the methods that would do.
func (p *Principal) StepUpRequired() *apperr.Error {
	return StepUpRequired(p.FreshFor, p.Account.SecondFactor)
}

// StepUpRequired is [Principal.StepUpRequired] for users with or without a second factor,
// whose proofs are recent for maxAge.
func StepUpRequired(maxAge time.Duration, secondFactor bool) *apperr.Error {
	message, methods := "Prove again who you are.", []string{MethodPassword}
	if secondFactor {
		message, methods = "Prove again who you are, with your second factor.", []string{MethodOTP, MethodHardwareKey}
	}
	return apperr.New(apperr.Unauthenticated, apperr.CodeStepUpRequired, message).
		With("max_age", int64(maxAge/time.Second)).With("methods", methods)
}
