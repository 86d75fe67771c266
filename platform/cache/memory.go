package cache

import (
	"bytes"
	"context"
	"crypto/rand"
	"time"

	"github.com/authy2/backend/platform/clock"
)

// maxEntries bounds what a memory cache holds. Beyond it values are dropped, which
// costs a look-up in the database each; tombstones and leases never are.
const maxEntries = 1 << 20

// MemorySliding is the [Sliding] of one process. It sweeps what has died while it
// works, a few entries with each new one, and runs no goroutine.
type MemorySliding struct {
	clock clock.Clock
	table *table[entry]
}

// entry is a value, a tombstone or a lease. Times are Unix milliseconds.
type entry struct {
	payload  []byte
	token    string // a lease's token, a tombstone's owner
	deadline int64
	limit    int64
	idle     int64
	kind     byte
}

func (e *entry) end() int64      { return e.deadline }
func (e *entry) droppable() bool { return e.kind == kindValue }

// NewMemorySliding returns an empty Sliding. The clock measures leases and decides
// what may be swept; it must be the one that the callers' now comes from.
func NewMemorySliding(c clock.Clock) *MemorySliding {
	return &MemorySliding{clock: c, table: newTable[entry](maxEntries)}
}

// Shared returns false.
func (*MemorySliding) Shared() bool { return false }

// Touch reads key and slides its deadline. The payload must not be changed.
func (m *MemorySliding) Touch(_ context.Context, key string, now time.Time) (Value, State, error) {
	ms := now.UnixMilli()
	s := m.table.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.entries[key]
	if !ok {
		return Value{}, Missing, nil
	}
	if ms >= e.deadline {
		delete(s.entries, key)
		if e.kind == kindValue {
			return Value{}, Expired, nil
		}
		return Value{}, Missing, nil
	}
	switch e.kind {
	case kindTombstone:
		return Value{}, Buried, nil
	case kindLease:
		return Value{}, Leased, nil
	}
	e.deadline = max(e.deadline, min(ms+e.idle, e.limit))
	return Value{
		Idle:     time.Duration(e.idle) * time.Millisecond,
		Cap:      time.UnixMilli(e.limit).UTC(),
		Deadline: time.UnixMilli(e.deadline).UTC(),
		Payload:  e.payload,
	}, Live, nil
}

// Lease reserves a missing key for the caller.
func (m *MemorySliding) Lease(_ context.Context, key string, ttl time.Duration) (string, bool, error) {
	now := m.clock.Now().UnixMilli()
	s := m.table.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live(key, now) != nil {
		return "", false, nil
	}
	e := &entry{kind: kindLease, token: rand.Text(), deadline: now + max(ttl.Milliseconds(), 1)}
	s.set(key, e, now)
	return e.token, true, nil
}

// Fill replaces the caller's lease with v.
func (m *MemorySliding) Fill(_ context.Context, key, token string, v Value) (bool, error) {
	return m.swap(key, v, func(e *entry) bool { return e != nil && e.kind == kindLease && e.token == token })
}

// Replace swaps the value whose payload is old for v.
func (m *MemorySliding) Replace(_ context.Context, key string, old []byte, v Value) (bool, error) {
	return m.swap(key, v, func(e *entry) bool {
		return e != nil && e.kind == kindValue && bytes.Equal(e.payload, old)
	})
}

// Put sets the value of a new key.
func (m *MemorySliding) Put(_ context.Context, key string, v Value) error {
	_, err := m.swap(key, v, func(e *entry) bool { return e == nil || e.kind != kindTombstone })
	return err
}

// swap sets v when what key holds now, nil for nothing, is as the caller expects.
func (m *MemorySliding) swap(key string, v Value, expected func(*entry) bool) (bool, error) {
	e := &entry{
		kind:     kindValue,
		payload:  bytes.Clone(v.Payload),
		deadline: lifeEnd(v),
		limit:    milliseconds(v.Cap),
		idle:     min(max(v.Idle.Milliseconds(), 0), maxIdle),
	}
	now := m.clock.Now().UnixMilli()
	s := m.table.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !expected(s.live(key, now)) {
		return false, nil
	}
	s.set(key, e, now)
	return true, nil
}

// Bury writes tombstones that the owner may remove.
func (m *MemorySliding) Bury(_ context.Context, keys []string, owner string, now, until time.Time) error {
	ms := now.UnixMilli()
	end := max(until.UnixMilli(), ms+shortestTombstone.Milliseconds())
	for _, key := range keys {
		s := m.table.shard(key)
		s.mu.Lock()
		tomb := &entry{kind: kindTombstone, token: owner, deadline: end}
		if old := s.live(key, ms); old != nil && old.kind == kindTombstone {
			tomb.deadline = max(end, old.deadline)
			if old.token == "" {
				tomb.token = ""
			}
		}
		s.set(key, tomb, ms)
		s.mu.Unlock()
	}
	return nil
}

// Unbury removes the owner's tombstones.
func (m *MemorySliding) Unbury(_ context.Context, keys []string, owner string) error {
	if owner != "" {
		m.remove(keys, func(e *entry) bool { return e.kind == kindTombstone && e.token == owner })
	}
	return nil
}

// Forget removes values.
func (m *MemorySliding) Forget(_ context.Context, keys []string) error {
	m.remove(keys, func(e *entry) bool { return e.kind == kindValue })
	return nil
}

func (m *MemorySliding) remove(keys []string, chosen func(*entry) bool) {
	for _, key := range keys {
		s := m.table.shard(key)
		s.mu.Lock()
		if e, ok := s.entries[key]; ok && chosen(e) {
			delete(s.entries, key)
		}
		s.mu.Unlock()
	}
}

// Len returns how many entries the cache holds, dead ones that were not swept yet
// included.
func (m *MemorySliding) Len() int { return m.table.len() }
