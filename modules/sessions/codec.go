package sessions

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/invalidation"
)

// The layout of a cached value, version 2. Limits are not in it: the cache keeps them
// beside the payload, where its script can judge them.
//
//	version 2 · flags 1 · session id 16 · user id 16
//	authenticated at (ms, varint) · stamp (varint)
//	auth methods: count, then each text · status · email · etag: texts
//	profile: the rest
//
// A text is its length as uvarint and its bytes. Two releases share one cache during an
// upgrade: a value of another version is left alone and the row is read instead.
const (
	codecVersion = 2

	flagComplianceOnly = 1 << 0
	flagEmailVerified  = 1 << 1
	flagSecondFactor   = 1 << 2
	// flagLimits marks what was read where organizations limit users. Where they do not, it
	// says nothing of their deadlines, and the other way round.
	flagLimits = 1 << 3

	maxMethods = 16
)

// errCodec says that a cached value is of another release, or damaged.
var errCodec = errors.New("sessions: cached value cannot be read")

// sessionID is a session's id in 16 bytes, a key of maps that hold many.
type sessionID [16]byte

// String returns the id in its canonical form.
func (s sessionID) String() string { return uuid.UUID(s).String() }

// parseSessionID returns the 16 bytes of a canonical id.
func parseSessionID(text string) (sessionID, error) {
	u, err := uuid.Parse(text)
	return sessionID(u), err
}

// encode returns the payload of a principal whose row was read under stamp.
func encode(p *authn.Principal, stamp invalidation.Position) ([]byte, error) {
	sid, err := uuid.Parse(p.SessionID)
	if err != nil {
		return nil, err
	}
	uid, err := uuid.Parse(p.UserID)
	if err != nil {
		return nil, err
	}
	a := &p.Account
	var flags byte
	if p.ComplianceOnly {
		flags |= flagComplianceOnly
	}
	if a.EmailVerified {
		flags |= flagEmailVerified
	}
	if a.SecondFactor {
		flags |= flagSecondFactor
	}
	b := make([]byte, 0, 96+len(a.Status)+len(a.Email)+len(a.ETag)+len(a.Profile))
	b = append(b, codecVersion, flags)
	b = append(b, sid[:]...)
	b = append(b, uid[:]...)
	b = binary.AppendVarint(b, p.AuthenticatedAt.UnixMilli())
	b = binary.AppendVarint(b, int64(stamp))
	b = binary.AppendVarint(b, unixMilli(a.RestrictedFrom))
	b = binary.AppendUvarint(b, uint64(min(len(p.AuthMethods), maxMethods)))
	for _, m := range p.AuthMethods[:min(len(p.AuthMethods), maxMethods)] {
		b = appendText(b, m)
	}
	b = appendText(b, a.Status)
	b = appendText(b, a.Email)
	b = appendText(b, a.ETag)
	return append(b, a.Profile...), nil
}

// readWithLimits reports whether a payload that was decoded was read where organizations
// limit users.
func readWithLimits(payload []byte) bool { return payload[1]&flagLimits != 0 }

// unixMilli is the instant in milliseconds, rounded down: a deadline is kept no later than
// it is. The zero time is 0.
func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// decode reads a payload into p and returns the stamp and the id it carries. The
// profile aliases the payload, which nobody changes.
func decode(payload []byte, p *authn.Principal) (invalidation.Position, sessionID, error) {
	const fixed = 2 + 16 + 16
	if len(payload) < fixed || payload[0] != codecVersion {
		return 0, sessionID{}, errCodec
	}
	r := reader{rest: payload[fixed:]}
	authenticated := r.varint()
	stamp := r.varint()
	restrictedFrom := r.varint()
	var methods [maxMethods]span
	count := int(min(r.uvarint(), maxMethods+1))
	if count > maxMethods {
		return 0, sessionID{}, errCodec
	}
	for i := range count {
		methods[i] = r.text()
	}
	status, email, etag := r.text(), r.text(), r.text()
	if r.bad {
		return 0, sessionID{}, errCodec
	}

	// One string holds every text and both ids.
	head := len(payload) - len(r.rest)
	buf := make([]byte, 72, 72+head-fixed)
	hexID(buf[:36], payload[2:18])
	hexID(buf[36:72], payload[18:34])
	text := string(append(buf, payload[fixed:head]...))
	cut := func(s span) string { return text[72+s.from : 72+s.to] }

	flags := payload[1]
	p.SessionID, p.UserID = text[:36], text[36:72]
	p.AuthMethods = make([]string, count)
	for i := range count {
		p.AuthMethods[i] = cut(methods[i])
	}
	p.AuthenticatedAt = time.UnixMilli(authenticated).UTC()
	p.ComplianceOnly = flags&flagComplianceOnly != 0
	p.Account.SecondFactor = flags&flagSecondFactor != 0
	if restrictedFrom != 0 {
		p.Account.RestrictedFrom = time.UnixMilli(restrictedFrom).UTC()
	}
	p.Account.UserID = p.UserID
	p.Account.Email = cut(email)
	p.Account.EmailVerified = flags&flagEmailVerified != 0
	p.Account.Status = cut(status)
	p.Account.ETag = cut(etag)
	p.Account.Profile = r.rest
	return invalidation.Position(stamp), sessionID(payload[2:18]), nil
}

// span is a text's place behind the fixed part of a payload.
type span struct{ from, to int }

// reader walks a payload. Once something does not fit, everything after is empty.
type reader struct {
	rest []byte
	at   int
	bad  bool
}

func (r *reader) skip(n int) {
	if n <= 0 || n > len(r.rest) {
		r.bad = true
		return
	}
	r.rest = r.rest[n:]
	r.at += n
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) text() span {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return span{}
	}
	s := span{from: r.at, to: r.at + int(n)}
	r.rest = r.rest[n:]
	r.at += int(n)
	return s
}

func appendText(b []byte, text string) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// hexID writes the canonical 36 characters of a 16-byte id.
func hexID(dst, id []byte) {
	hex.Encode(dst[:8], id[:4])
	hex.Encode(dst[9:13], id[4:6])
	hex.Encode(dst[14:18], id[6:8])
	hex.Encode(dst[19:23], id[8:10])
	hex.Encode(dst[24:], id[10:])
	dst[8], dst[13], dst[18], dst[23] = '-', '-', '-', '-'
}
