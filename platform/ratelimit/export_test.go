package ratelimit

import (
	"time"

	"github.com/ulule/limiter/v3"
)

// FewKeys is how many keys are not worth cleaning for.
const FewKeys = fewKeys

// MemoryStore is the counting in memory.
type MemoryStore struct{ *memoryStore }

// NewMemoryStore returns one.
func NewMemoryStore() MemoryStore { return MemoryStore{newMemoryStore()} }

// Keys returns about how many keys are held.
func (s MemoryStore) Keys() int64 { return s.keys.Load() }

// Clean cleans now.
func (s MemoryStore) Clean() {
	s.keys.Store(s.cleanAt.Load())
	s.clean()
}

// Count counts one call and returns which one of its window it was, and the window's end.
func (s MemoryStore) Count(key string, rate limiter.Rate) (int64, time.Time) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.cache.Increment(key, 1, rate.Period)
}
