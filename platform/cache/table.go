package cache

import (
	"hash/maphash"
	"sync"
)

// The number of shards keeps callers on many cores apart; the sample is what each new
// entry pays for the sweep. With a sample of eight, at most about an eighth of a table
// that is being written to is dead.
const (
	shardCount = 64
	sampleSize = 8
)

// perishable is what a table holds: something that ends at a Unix millisecond, and
// that may or may not be dropped earlier when the table is full.
type perishable[T any] interface {
	*T
	end() int64
	droppable() bool
}

// table is a map from keys to entries, split by the keys' hash.
type table[T any] struct {
	seed   maphash.Seed
	shards [shardCount]shard[T]
}

// shard is a part of a table. Its lock is held by the callers of its methods.
type shard[T any] struct {
	mu      sync.Mutex
	entries map[string]*T
	limit   int
	ends    func(*T) int64
	drops   func(*T) bool
}

func newTable[T any, P perishable[T]](limit int) *table[T] {
	t := &table[T]{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i] = shard[T]{
			entries: make(map[string]*T),
			limit:   max(limit/shardCount, 1),
			ends:    func(e *T) int64 { return P(e).end() },
			drops:   func(e *T) bool { return P(e).droppable() },
		}
	}
	return t
}

func (t *table[T]) shard(key string) *shard[T] {
	return &t.shards[maphash.String(t.seed, key)%shardCount]
}

func (t *table[T]) len() int {
	n := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		n += len(s.entries)
		s.mu.Unlock()
	}
	return n
}

// live returns the entry of key unless it has ended by now.
func (s *shard[T]) live(key string, now int64) *T {
	e, ok := s.entries[key]
	if !ok || now >= s.ends(e) {
		return nil
	}
	return e
}

// set stores e and, when key is new, sweeps a sample of the shard.
func (s *shard[T]) set(key string, e *T, now int64) {
	if _, known := s.entries[key]; !known {
		s.sweep(now)
	}
	s.entries[key] = e
}

// sweep removes what has ended from a sample, which is random because a map's order
// is; if the shard is full after that, the droppable entry of the sample that would
// end first goes too.
func (s *shard[T]) sweep(now int64) {
	var first string
	var firstEnd int64
	seen := 0
	for key, e := range s.entries {
		end := s.ends(e)
		switch {
		case now >= end:
			delete(s.entries, key)
		case s.drops(e) && (firstEnd == 0 || end < firstEnd):
			first, firstEnd = key, end
		}
		if seen++; seen == sampleSize {
			break
		}
	}
	if len(s.entries) >= s.limit && firstEnd != 0 {
		delete(s.entries, first)
	}
}
