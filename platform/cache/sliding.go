package cache

import (
	"context"
	"errors"
	"time"
)

// ErrUnavailable is returned when the cache cannot be reached in time. The caller
// goes to the database and caches nothing.
var ErrUnavailable = errors.New("cache: out of reach")

// State is what a look-up found.
type State int

// The states of a key.
const (
	// Missing: nothing is known; ask the database and Fill.
	Missing State = iota
	// Live: the value is within its limits, and its idle window was slid.
	Live
	// Expired: the value was found past its idle or absolute limit. It is gone now.
	Expired
	// Buried: a tombstone. The key was revoked, or is being revoked right now.
	Buried
	// Leased: another caller is filling the key this moment.
	Leased
)

// Value is a self-contained value with its limits. Limits have millisecond resolution.
type Value struct {
	// Idle is how long the value lives unused.
	Idle time.Duration
	// Cap is when it dies however much it is used.
	Cap time.Time
	// Deadline is when it dies if it is not used again: min(last use + Idle, Cap).
	// Fill sets it; Touch answers with the slid one.
	Deadline time.Time
	// Payload is the caller's bytes.
	Payload []byte
}

// Sliding is a store of values that live while they are used. Keys are opaque strings
// that already carry the epoch. Every call takes now, the time of the database's
// clock: no implementation asks its own. Methods return [ErrUnavailable] (wrapped)
// when the store is out of reach.
type Sliding interface {
	// Touch reads key, judges idle and absolute limits by now and, when the value is
	// live, slides its deadline to min(now+Idle, Cap), in one round trip.
	Touch(ctx context.Context, key string, now time.Time) (Value, State, error)
	// Lease reserves a missing key for the caller that will fill it. It returns a
	// token for Fill and true, or false when the key is leased, filled or buried.
	Lease(ctx context.Context, key string, ttl time.Duration) (token string, ok bool, err error)
	// Fill replaces the caller's lease with the value, and nothing else: if the lease
	// is gone (it ran out, or a tombstone took its place) it returns false.
	Fill(ctx context.Context, key, token string, v Value) (bool, error)
	// Replace swaps a live value whose payload is still old for v. It returns false
	// when the payload is another by now, or the key is buried or gone.
	Replace(ctx context.Context, key string, old []byte, v Value) (bool, error)
	// Put sets the value of a key that nobody can know yet, such as that of a session
	// that was just created. A tombstone is not overwritten.
	Put(ctx context.Context, key string, v Value) error
	// Bury replaces whatever the key holds with a tombstone until the given time.
	//
	// The owner is a token of this one revocation, by which Unbury finds its tombstones;
	// the latest owner has a tombstone. One without an owner, "", stands for good: it
	// takes an owned one's place and is not taken over itself. A tombstone that is buried
	// again stands until the later of the two times.
	Bury(ctx context.Context, keys []string, owner string, now, until time.Time) error
	// Unbury removes the tombstones that still carry the owner, whose revocation was
	// rolled back. Others stay, and the empty owner has none.
	Unbury(ctx context.Context, keys []string, owner string) error
	// Forget removes values, but neither tombstones nor leases: the next Touch misses.
	Forget(ctx context.Context, keys []string) error
	// Shared reports whether other processes see the same values. A cache that is
	// private to its process must not be trusted where several processes may run.
	Shared() bool
}
