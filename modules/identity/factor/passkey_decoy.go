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
	kind, half := p.draw("kind", []byte(email)), p.draw("id", []byte(email))
	// The lengths and transports that common authenticators have.
	lengths := [...]int{16, 20, 32, 32, 64}
	transports := [...][]string{{"hybrid", "internal"}, {"hybrid", "internal"}, {"internal"}, {"internal"}, {"usb"}}
	i := int(kind[0]) % len(lengths)
	return []CredentialRef{{
		ID: encodeID(p.sealed(half[:lengths[i]/2])), Type: string(protocol.PublicKeyCredentialType), Transports: transports[i],
	}}
}

// isDecoy reports whether a credential id is that of a decoy. Registering one is refused
// like registering a passkey that somebody has, which would tell them apart otherwise.
func (p *Passkeys) isDecoy(id []byte) bool {
	return len(id)%2 == 0 && len(id) <= 2*sha256.Size && hmac.Equal(id, p.sealed(id[:len(id)/2]))
}

// sealed completes one half of a credential id with another that only the server can make.
func (p *Passkeys) sealed(half []byte) []byte {
	rest := p.draw("seal", half)
	return append(half[:len(half):len(half)], rest[:len(half)]...)
}

func (p *Passkeys) draw(what string, of []byte) (sum [sha256.Size]byte) {
	m := hmac.New(sha256.New, p.decoyKey[:])
	m.Write([]byte(what))
	m.Write([]byte{0})
	m.Write(of)
	m.Sum(sum[:0])
	return sum
}
