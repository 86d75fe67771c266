package platformtest

import (
	"crypto/ecdsa"
	"crypto/x509"
	"testing"
)

// As much of CBOR (RFC 8949) as authenticators write.

func cborHead(major byte, n uint64) []byte {
	switch {
	case n < 24:
		return []byte{major<<5 | byte(n)}
	case n < 1<<8:
		return []byte{major<<5 | 24, byte(n)}
	default:
		return []byte{major<<5 | 25, byte(n >> 8), byte(n)} // nothing here is longer than 65535
	}
}

func cborInt(n int64) []byte {
	if n < 0 {
		return cborHead(1, uint64(-1-n))
	}
	return cborHead(0, uint64(n))
}

func cborBytes(b []byte) []byte { return append(cborHead(2, uint64(len(b))), b...) }

func cborText(s string) []byte { return append(cborHead(3, uint64(len(s))), s...) }

func cborMap(pairs uint64) []byte { return cborHead(5, pairs) }

// attested is the attested credential data of a key (WebAuthn §6.5.2): 16 zero bytes of
// AAGUID, the id and the COSE key (RFC 9053 §7.1.1).
func attested(t testing.TB, c *Credential) []byte {
	t.Helper()
	point, err := c.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b := append(make([]byte, 16), byte(len(c.ID)>>8), byte(len(c.ID)))
	b = append(b, c.ID...)
	b = append(b, cborMap(5)...)
	for _, pair := range [][2]int64{{1, 2}, {3, -7}, {-1, 1}} { // EC2, ES256, P-256
		b = append(append(b, cborInt(pair[0])...), cborInt(pair[1])...)
	}
	b = append(append(b, cborInt(-2)...), cborBytes(point[1:33])...)
	return append(append(b, cborInt(-3)...), cborBytes(point[33:])...)
}

// publicKey is the key as browsers give it (SubjectPublicKeyInfo).
func publicKey(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	b, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
