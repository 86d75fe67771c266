package cache

import (
	"strconv"
	"time"
)

// The first byte of a stored value says what it is. Tombstones and leases keep their
// byte for ever; a new layout of values takes the next digit, so that two releases
// that share one Redis never misread each other.
const (
	kindValue     = '1'
	kindTombstone = 'T'
	kindLease     = 'L'
)

// A tombstone is its kind and its owner, without one the kind alone; readers look at the
// kind only. A lease is its kind and its token.
//
// A stored value is its kind, the cap in Unix milliseconds and the idle limit in
// milliseconds, both as decimals of fixed width so that a script finds them without a
// search, and then the payload. The deadline is the key's own expiry.
const (
	capWidth   = 14
	idleWidth  = 12
	capStart   = 1
	idleStart  = capStart + capWidth
	headerSize = idleStart + idleWidth

	maxCap  = 99_999_999_999_999
	maxIdle = 999_999_999_999
)

// encode returns v in its stored form.
func encode(v Value) []byte {
	b := make([]byte, headerSize+len(v.Payload))
	b[0] = kindValue
	putDecimal(b[capStart:idleStart], milliseconds(v.Cap))
	putDecimal(b[idleStart:headerSize], min(max(v.Idle.Milliseconds(), 0), maxIdle))
	copy(b[headerSize:], v.Payload)
	return b
}

// milliseconds returns t as Unix milliseconds inside what the header can hold.
func milliseconds(t time.Time) int64 { return min(max(t.UnixMilli(), 0), maxCap) }

// lifeEnd returns when v dies if it is not used again, in Unix milliseconds. It is
// never zero, which Redis would not take for a time.
func lifeEnd(v Value) int64 {
	return max(min(milliseconds(v.Deadline), milliseconds(v.Cap)), 1)
}

// decode reads what encode wrote. The deadline is not in it.
func decode(b []byte) (Value, bool) {
	if len(b) < headerSize {
		return Value{}, false
	}
	limit, ok1 := decimal(b[capStart:idleStart])
	idle, ok2 := decimal(b[idleStart:headerSize])
	if !ok1 || !ok2 {
		return Value{}, false
	}
	return Value{
		Idle:    time.Duration(idle) * time.Millisecond,
		Cap:     time.UnixMilli(limit).UTC(),
		Payload: b[headerSize:],
	}, true
}

// slid returns v as it is once it was used at now.
func (v Value) slid(now time.Time) Value {
	v.Deadline = time.UnixMilli(min(now.UnixMilli()+v.Idle.Milliseconds(), v.Cap.UnixMilli())).UTC()
	return v
}

// decodeAhead reads a value with its deadline in front of it.
func decodeAhead(b []byte) (Value, bool) {
	const value = 1 + capWidth
	if len(b) < value {
		return Value{}, false
	}
	deadline, ok1 := decimal(b[1:value])
	v, ok2 := decode(b[value:])
	v.Deadline = time.UnixMilli(deadline).UTC()
	return v, ok1 && ok2
}

// putDecimal writes n over all of b, with leading zeros.
func putDecimal(b []byte, n int64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

// decimal reads what putDecimal wrote. The conversion does not allocate.
func decimal(b []byte) (int64, bool) {
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil && n >= 0
}
