package cache

import (
	"bytes"
	"context"
	"time"

	"github.com/authy2/backend/platform/clock"
)

// MemoryStore is the [Store] of one process. Like [MemorySliding] it sweeps while it
// works and is bounded.
type MemoryStore struct {
	clock clock.Clock
	table *table[mark]
}

// mark is a small value and the Unix millisecond when it ends.
type mark struct {
	value    []byte
	deadline int64
}

func (m *mark) end() int64    { return m.deadline }
func (*mark) droppable() bool { return true }

// NewMemoryStore returns an empty Store whose values end by the clock.
func NewMemoryStore(c clock.Clock) *MemoryStore {
	return &MemoryStore{clock: c, table: newTable[mark](maxEntries)}
}

// Get returns the value of key and whether there is one.
func (m *MemoryStore) Get(_ context.Context, key string) ([]byte, bool, error) {
	s, now := m.lock(key)
	defer s.mu.Unlock()
	if e := s.live(key, now); e != nil {
		return bytes.Clone(e.value), true, nil
	}
	return nil, false, nil
}

// Set sets key for ttl.
func (m *MemoryStore) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	if err := positive(ttl); err != nil {
		return err
	}
	s, now := m.lock(key)
	defer s.mu.Unlock()
	s.set(key, newMark(value, now, ttl), now)
	return nil
}

// SetIfAbsent sets key for ttl unless it exists.
func (m *MemoryStore) SetIfAbsent(_ context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if err := positive(ttl); err != nil {
		return false, err
	}
	s, now := m.lock(key)
	defer s.mu.Unlock()
	if s.live(key, now) != nil {
		return false, nil
	}
	s.set(key, newMark(value, now, ttl), now)
	return true, nil
}

// Delete removes keys.
func (m *MemoryStore) Delete(_ context.Context, keys ...string) error {
	for _, key := range keys {
		s, _ := m.lock(key)
		delete(s.entries, key)
		s.mu.Unlock()
	}
	return nil
}

// DeleteIfEqual removes key if it still holds value.
func (m *MemoryStore) DeleteIfEqual(_ context.Context, key string, value []byte) (bool, error) {
	s, now := m.lock(key)
	defer s.mu.Unlock()
	e := s.live(key, now)
	if e == nil || !bytes.Equal(e.value, value) {
		return false, nil
	}
	delete(s.entries, key)
	return true, nil
}

// lock returns the shard of key, locked, and the time.
func (m *MemoryStore) lock(key string) (*shard[mark], int64) {
	now := m.clock.Now().UnixMilli()
	s := m.table.shard(key)
	s.mu.Lock()
	return s, now
}

func newMark(value []byte, now int64, ttl time.Duration) *mark {
	return &mark{value: bytes.Clone(value), deadline: now + max(ttl.Milliseconds(), 1)}
}
