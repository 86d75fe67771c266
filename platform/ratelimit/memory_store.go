package ratelimit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/common"
	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/authy2/backend/platform/clock"
)

const (
	// fewKeys is how many keys are not worth cleaning for.
	fewKeys = 10_000
	// mostKeys bounds the memory. An attacker who owns that many addresses is not
	// held by limits per address, so beyond it counting starts anew.
	mostKeys = 1_000_000
)

// memoryStore is the limiter's own counting in memory with a cleaning of ours. The
// library's store cleans from a goroutine while others count, and may drop a counter that
// is just being started again; here nobody counts while it is cleaned, and no goroutine
// runs.
type memoryStore struct {
	mu      sync.RWMutex // read-locked to count, locked to clean
	cache   *memory.CacheWrapper
	keys    atomic.Int64 // about how many keys there are
	cleanAt atomic.Int64
}

var _ limiter.Store = (*memoryStore)(nil)

func newMemoryStore() *memoryStore {
	s := &memoryStore{cache: memory.NewCache(0)}
	s.cleanAt.Store(fewKeys)
	return s
}

// Get counts one call.
func (s *memoryStore) Get(ctx context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	return s.Increment(ctx, key, 1, rate)
}

// Increment counts several calls.
func (s *memoryStore) Increment(_ context.Context, key string, count int64, rate limiter.Rate) (limiter.Context, error) {
	s.mu.RLock()
	_, known := s.cache.Load(key)
	n, ends := s.cache.Increment(key, count, rate.Period)
	s.mu.RUnlock()
	if !known && s.keys.Add(1) >= s.cleanAt.Load() {
		s.clean()
	}
	return state(rate, ends, n), nil
}

// Peek tells the count without counting.
func (s *memoryStore) Peek(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, ends := s.cache.Get(key, rate.Period)
	return state(rate, ends, n), nil
}

// Reset starts over.
func (s *memoryStore) Reset(_ context.Context, key string, rate limiter.Rate) (limiter.Context, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n, ends := s.cache.Reset(key, rate.Period)
	return state(rate, ends, n), nil
}

// clean drops the windows that have ended, and cleans again when as many keys as are left
// have come on top.
func (s *memoryStore) clean() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys.Load() < s.cleanAt.Load() {
		return // another caller was first
	}
	s.cache.Clean()
	var left int64
	s.cache.Range(func(string, *memory.Counter) { left++ })
	if left >= mostKeys {
		s.cache, left = memory.NewCache(0), 0
	}
	s.keys.Store(left)
	s.cleanAt.Store(max(fewKeys, min(2*left, mostKeys)))
}

func state(rate limiter.Rate, ends time.Time, n int64) limiter.Context {
	return common.GetContextFromState((clock.System{}).Now(), rate, ends, n)
}
