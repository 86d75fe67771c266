package factor

import "slices"

// The methods of this package: RFC 8176 §2 where it has one.
const (
	// MethodTOTP is a code of an authenticator app.
	MethodTOTP = "otp"
	// MethodPasskey is a passkey.
	MethodPasskey = "hwk"
	// MethodUser says that the passkey checked who uses it (biometrics or a PIN).
	MethodUser = "user"
	// MethodRecovery is a recovery code. RFC 8176 has no value for it.
	MethodRecovery = "recovery"
)

// isSecond reports whether a method is a second factor.
func isSecond(method string) bool {
	return method == MethodTOTP || method == MethodPasskey || method == MethodRecovery
}

// enough reports whether the methods are two factors: a second one beside another proof, or
// a passkey that checked its user.
func enough(methods []string) bool {
	second := slices.IndexFunc(methods, isSecond)
	if second < 0 {
		return false
	}
	if slices.Contains(methods, MethodPasskey) && slices.Contains(methods, MethodUser) {
		return true
	}
	return slices.ContainsFunc(methods, func(m string) bool { return m != MethodUser && m != methods[second] })
}
