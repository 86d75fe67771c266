package lanes

import "encoding/binary"

// Where the four substitution boxes begin in a lane; the subkeys come first.
const (
	subkeys = 18
	box0    = subkeys
	box1    = box0 + 256
	box2    = box1 + 256
	box3    = box2 + 256
)

// lane is the state of one Blowfish cipher: 18 subkeys, then four boxes of 256 words. A flat
// array of constant size lets the compiler prove every index (a constant plus a byte) in
// bounds and fold it into the address, so that a look-up is one instruction.
type lane [words]uint32

// schedule is key material as it is mixed into the subkeys: the bytes of a password or of a
// salt, repeated as often as needed.
type schedule [subkeys]uint32

// repeat fills a schedule with b over and over, most significant byte first.
func repeat(b []byte) schedule {
	var s schedule
	for i := range 4 * subkeys {
		s[i/4] = s[i/4]<<8 | uint32(b[i%len(b)])
	}
	return s
}

// passwordSchedule is the schedule of a password of at most MaxPassword bytes: bcrypt's key
// is the password and the NUL that ends it in C.
func passwordSchedule(password []byte) schedule {
	var key [MaxPassword + 1]byte
	n := copy(key[:MaxPassword], password)
	s := repeat(key[:n+1])
	clear(key[:])
	return s
}

// mix adds a schedule to the subkeys.
func (w *lane) mix(s *schedule) {
	for i := range s {
		w[i] ^= s[i]
	}
}

// f is Blowfish's round function: four look-ups, one for each byte of x.
func (w *lane) f(x uint32) uint32 {
	return ((w[box0+uint(x>>24)] + w[box1+uint(byte(x>>16))]) ^ w[box2+uint(byte(x>>8))]) + w[box3+uint(byte(x))]
}

// encrypt returns the halves of one encrypted block.
func (w *lane) encrypt(l, r uint32) (uint32, uint32) {
	l ^= w[0]
	for i := uint(1); i < 17; i += 2 {
		r = (r ^ w[i]) ^ w.f(l)
		l = (l ^ w[i+1]) ^ w.f(r)
	}
	return r ^ w[17], l
}

// start makes w the state that a password and a salt begin with: the key schedule from pi in
// which the salt is added to each block before it is encrypted.
func (w *lane) start(pi *lane, key, salt *schedule) {
	*w = *pi
	w.mix(key)
	var l, r uint32
	for i := 0; i < words; i += 2 {
		// The salt has four words and a schedule repeats them: 0 1 2 3 0 1 ….
		l, r = w.encrypt(l^salt[i&2], r^salt[i&2+1])
		w[i], w[i+1] = l, r
	}
}

// finish returns bcrypt's digest: a fixed text encrypted 64 times. Every implementation
// drops its last byte, as the first one did.
func (w *lane) finish() Digest {
	out := []byte("OrpheanBeholderScryDoubt")
	for b := out; len(b) > 0; b = b[8:] {
		l, r := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		for range 64 {
			l, r = w.encrypt(l, r)
		}
		binary.BigEndian.PutUint32(b, l)
		binary.BigEndian.PutUint32(b[4:], r)
	}
	return Digest(out[:len(Digest{})])
}
