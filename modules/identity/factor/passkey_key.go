package factor

import (
	"errors"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

const (
	// rsaShortest and rsaLongest are the sizes of RSA keys in bytes: 2048 to 4096 bits.
	// Checking a signature costs with the square of it, and the key is the client's choice.
	rsaShortest = 256
	rsaLongest  = 512
	// rsaExponent is the longest exponent in bytes.
	rsaExponent = 4
)

// errKeySize means that a key is too weak, or too expensive to check.
var errKeySize = errors.New("factor: the key of the passkey has an unusual size")

// admit judges the size of a new passkey's key before anything is computed with it, and
// drops an attestation by certificates: none was asked for, so that browsers send none, and
// its keys are the client's choice as well.
func admit(parsed *protocol.ParsedCredentialCreationData) error {
	object := &parsed.Response.AttestationObject
	switch protocol.AttestationFormat(object.Format) {
	case protocol.AttestationFormatNone:
	case protocol.AttestationFormatPacked:
		if object.AttStatement["x5c"] == nil {
			break // the key signs for itself
		}
		fallthrough
	default:
		object.Format, object.AttStatement = string(protocol.AttestationFormatNone), nil
	}
	key, err := webauthncose.ParsePublicKey(object.AuthData.AttData.CredentialPublicKey)
	if err != nil {
		return err
	}
	if k, ok := key.(webauthncose.RSAPublicKeyData); ok &&
		(len(k.Modulus) < rsaShortest || len(k.Modulus) > rsaLongest || len(k.Exponent) > rsaExponent) {
		return errKeySize
	}
	return nil
}
