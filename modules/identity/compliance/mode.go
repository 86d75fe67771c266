package compliance

import "slices"

// Mode is what an organization asks of its members' second factors.
type Mode string

// The modes, from the one that asks least.
const (
	// ModeDisabled has nothing to do with second factors.
	ModeDisabled Mode = "disabled"
	// ModeOptional leaves them to the members.
	ModeOptional Mode = "optional"
	// ModeTOTP asks for an authenticator app.
	ModeTOTP Mode = "require_totp"
	// ModeWebAuthn asks for a passkey.
	ModeWebAuthn Mode = "require_webauthn"
	// ModeEither asks for an authenticator app or a passkey.
	ModeEither Mode = "require_totp_or_webauthn"
)

// Modes returns every mode, the one that asks least first.
func Modes() []Mode { return []Mode{ModeDisabled, ModeOptional, ModeTOTP, ModeWebAuthn, ModeEither} }

// Valid reports whether there is such a mode.
func (m Mode) Valid() bool { return slices.Contains(Modes(), m) }

// Requires reports whether the mode asks for a factor.
func (m Mode) Requires() bool { return m == ModeTOTP || m == ModeWebAuthn || m == ModeEither }

// OverrideMode is how a member is exempt from what their organization asks of all.
type OverrideMode string

// The overrides.
const (
	// OverrideInherit makes no difference.
	OverrideInherit OverrideMode = "inherit"
	// OverrideRequired asks for a factor also where the organization asks for none.
	OverrideRequired OverrideMode = "required"
	// OverrideExempt asks for nothing.
	OverrideExempt OverrideMode = "exempt"
)

// OverrideModes returns every override.
func OverrideModes() []OverrideMode {
	return []OverrideMode{OverrideInherit, OverrideRequired, OverrideExempt}
}

// Valid reports whether there is such an override.
func (o OverrideMode) Valid() bool { return slices.Contains(OverrideModes(), o) }

// Status is how a member stands to what is asked of them.
type Status string

// The statuses, from the best to the worst.
const (
	// StatusNotApplicable is somebody of whom nothing is asked.
	StatusNotApplicable Status = "not_applicable"
	// StatusCompliant is somebody who does what is asked, or may leave it.
	StatusCompliant Status = "compliant"
	// StatusPending is somebody who was not judged yet since the policy changed.
	StatusPending Status = "pending"
	// StatusInGrace is somebody who has time left.
	StatusInGrace Status = "in_grace"
	// StatusPastDue is somebody whose time is over. It is never stored: it is
	// [StatusInGrace] with a deadline that has passed.
	StatusPastDue Status = "past_due"
	// StatusSuspended is somebody whose time is over, after the job has seen it.
	StatusSuspended Status = "suspended"
)

// Statuses returns every status, the best first.
func Statuses() []Status {
	return []Status{StatusNotApplicable, StatusCompliant, StatusPending, StatusInGrace, StatusPastDue, StatusSuspended}
}

// Valid reports whether there is such a status.
func (s Status) Valid() bool { return slices.Contains(Statuses(), s) }

// Unsatisfied reports whether something is asked for that the member does not have.
func (s Status) Unsatisfied() bool {
	return s == StatusInGrace || s == StatusPastDue || s == StatusSuspended
}

// Worse returns the worse of two statuses. Not applicable lowers nothing.
func (s Status) Worse(other Status) Status {
	if slices.Index(Statuses(), other) > slices.Index(Statuses(), s) {
		return other
	}
	return s
}
