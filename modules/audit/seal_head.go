package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// sealVersion is the first byte of what a head is the hash of.
const sealVersion = 1

// What a signature is for is the beginning of what is signed, so that none is good for
// anything else.
const (
	signedSeal    = "authy2 audit seal\x00"
	signedPrune   = "authy2 audit prune\x00"
	signedArchive = "authy2 audit archive\x00"
)

// seal is one link of the chain.
type seal struct {
	Number   int64
	SealedAt time.Time
	Entries  int64
	// FirstAt and LastAt are when the oldest and the newest of its rows were written.
	FirstAt, LastAt time.Time
	Root            digest
	// Previous is the head of the seal before; zeros for the first.
	Previous digest
	// Head is the hash of all of the above, and what is signed.
	Head      digest
	KeyID     string
	Signature []byte
	// PrunedAt is when the rows were removed because of their age; zero while they are
	// kept. PruneSignature proves that it was done on purpose.
	PrunedAt       time.Time
	PruneSignature []byte
}

// head computes what Head must be.
func (s *seal) head() digest {
	b := make([]byte, 0, 128)
	b = append(b, sealVersion)
	for _, n := range []int64{s.Number, s.SealedAt.UnixMicro(), s.Entries, s.FirstAt.UnixMicro(), s.LastAt.UnixMicro()} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	b = append(b, s.Root[:]...)
	b = append(b, s.Previous[:]...)
	return sha256.Sum256(b)
}

// signed is what the signature of a seal is over.
func (s *seal) signed() []byte { return append([]byte(signedSeal), s.Head[:]...) }

// pruneSigned is what the signature of the mark is over that the rows were removed.
func (s *seal) pruneSigned() []byte {
	b := binary.BigEndian.AppendUint64([]byte(signedPrune), uint64(s.Number))
	b = append(b, s.Head[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(s.PrunedAt.UnixMicro()))
}

// verifiedBy reports whether the head is right and signed with the key.
func (s *seal) verifiedBy(key ed25519.PublicKey) bool {
	return s.Head == s.head() && ed25519.Verify(key, s.signed(), s.Signature)
}

// pruned reports whether the rows were removed because of their age.
func (s *seal) pruned() bool { return !s.PrunedAt.IsZero() }
