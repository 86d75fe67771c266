package factor

import (
	"crypto/hmac"
	"crypto/sha256"

	"github.com/go-webauthn/webauthn/protocol"
)

// decoy is the passkey that an address without passkeys seems to have. It is the same one
// every time it is asked for, so that asking twice tells nothing, and nobody without the
// server's key can tell it from a real one.
func (p *Passkeys) decoy(email string) []CredentialRef {
	first, second := p.draw(email, 1), p.draw(email, 2)
	// The lengths and transports that common authenticators have.
	lengths := [...]int{16, 20, 32, 32, 64}
	transports := [...][]string{{"hybrid", "internal"}, {"hybrid", "internal"}, {"internal"}, {"internal"}, {"usb"}}
	kind := int(first[0]) % len(lengths)
	credential := append(first[:], second[:]...)
	rest := p.draw(email, 3)
	copy(credential, rest[:]) // the byte that chose the kind is not shown
	return []CredentialRef{{
		ID: encodeID(credential[:lengths[kind]]), Type: string(protocol.PublicKeyCredentialType), Transports: transports[kind],
	}}
}

func (p *Passkeys) draw(email string, n byte) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, p.decoyKey[:])
	m.Write([]byte{n})
	m.Write([]byte(email))
	m.Sum(sum[:0])
	return sum
}
