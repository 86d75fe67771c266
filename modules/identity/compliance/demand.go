package compliance

// The names of what may be missing.
const (
	// MethodTOTP is an authenticator app.
	MethodTOTP = "totp"
	// MethodWebAuthn is a passkey.
	MethodWebAuthn = "webauthn"
)

// Override is what an administrator decided about one member. The zero value is
// [OverrideInherit].
type Override struct {
	Mode OverrideMode
	// ForceTOTP and ForceWebAuthn add a factor to what is asked. They count with
	// [OverrideRequired] alone.
	ForceTOTP, ForceWebAuthn bool
}

// normal returns the override with its zero value spelled out.
func (o Override) normal() Override {
	if o.Mode == "" {
		o.Mode = OverrideInherit
	}
	return o
}

// none reports whether the override makes no difference.
func (o Override) none() bool { return o.normal() == Override{Mode: OverrideInherit} }

// Demand is what is asked of one member. The zero value asks for nothing.
type Demand struct {
	// Mode is the effective mode. Where both factors are asked for, it is the stricter of what
	// the organization asks of all, and otherwise the authenticator app's.
	Mode Mode
	// TOTP and WebAuthn are the factors that are asked for.
	TOTP, WebAuthn bool
	// Either is true when one of both is enough.
	Either bool
}

// DemandOf returns what a policy and an override ask for. An organization without a policy
// has the mode "".
func DemandOf(policy Mode, o Override) Demand {
	o = o.normal()
	if policy == "" || o.Mode == OverrideExempt {
		policy = ModeDisabled
	}
	if o.Mode != OverrideRequired {
		return asks(policy, Override{})
	}
	if !policy.Requires() {
		policy = ModeEither
	}
	if policy == ModeEither {
		switch {
		case o.ForceTOTP:
			policy = ModeTOTP
		case o.ForceWebAuthn:
			policy = ModeWebAuthn
		}
	}
	return asks(policy, o)
}

// asks returns what an effective mode asks for under an override. It is what a row says of
// the demand that it was judged by.
func asks(effective Mode, o Override) Demand {
	forced := o.Mode == OverrideRequired
	d := Demand{
		Mode:     effective,
		TOTP:     effective == ModeTOTP || forced && o.ForceTOTP,
		WebAuthn: effective == ModeWebAuthn || forced && o.ForceWebAuthn,
	}
	d.Either = effective == ModeEither && !d.TOTP && !d.WebAuthn
	return d
}

// Required reports whether anything is asked for.
func (d Demand) Required() bool { return d.TOTP || d.WebAuthn || d.Either }

// Missing returns what would satisfy the demand of somebody with the factors: all of it, or
// one of both where one is enough. It is empty when they do what is asked.
func (d Demand) Missing(h Held) []string {
	missing := []string{}
	if d.Either && (h.TOTP || h.Passkey) {
		return missing
	}
	if (d.TOTP || d.Either) && !h.TOTP {
		missing = append(missing, MethodTOTP)
	}
	if (d.WebAuthn || d.Either) && !h.Passkey {
		missing = append(missing, MethodWebAuthn)
	}
	return missing
}

// Satisfied reports whether somebody with the factors does what is asked.
func (d Demand) Satisfied(h Held) bool { return len(d.Missing(h)) == 0 }
