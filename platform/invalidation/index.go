package invalidation

import (
	"hash/maphash"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// indexShards keeps readers on many cores from meeting at one lock.
const indexShards = 64

// index remembers the latest position of every subject. It holds hashes instead of
// names: two subjects that share one are stale together, which costs a look-up in the
// database and nothing else. What does not fit is covered by the floor, at or below which
// everything is stale.
type index struct {
	seed   maphash.Seed
	floor  atomic.Int64
	limit  int
	shards [indexShards]indexShard
}

type indexShard struct {
	mu sync.RWMutex
	at map[uint64]Position
	_  [32]byte // keeps two shards' locks off one cache line
}

// newIndex returns an index of about limit subjects that calls everything stale until
// open is called.
func newIndex(limit int) *index {
	x := &index{seed: maphash.MakeSeed(), limit: max(limit/indexShards, 2)}
	x.floor.Store(math.MaxInt64)
	for i := range x.shards {
		x.shards[i].at = make(map[uint64]Position)
	}
	return x
}

// open sets the first floor, once what lies above it has been added.
func (x *index) open(floor Position) { x.floor.CompareAndSwap(math.MaxInt64, int64(floor)) }

// raise makes everything at or below p stale. Before open it changes nothing, since
// everything is.
func (x *index) raise(p Position) {
	for {
		old := x.floor.Load()
		if int64(p) <= old || x.floor.CompareAndSwap(old, int64(p)) {
			return
		}
	}
}

// stale reports whether a value with the stamp may be older than an entry of the subject.
func (x *index) stale(kind, subject string, stamp Position) bool {
	h := x.hash(kind, subject)
	s := &x.shards[h%indexShards]
	s.mu.RLock()
	at, ok := s.at[h]
	s.mu.RUnlock()
	// The floor is asked last: what the shard shed before it was looked at is under it.
	return ok && at >= stamp || int64(stamp) <= x.floor.Load()
}

// add remembers that the subject changed at p.
func (x *index) add(kind, subject string, p Position) {
	h := x.hash(kind, subject)
	s := &x.shards[h%indexShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.at[h]; ok {
		s.at[h] = max(old, p)
		return
	}
	if len(s.at) >= x.limit {
		x.shed(s)
	}
	s.at[h] = p
}

// shed drops the older half of a full shard and raises the floor over it.
func (x *index) shed(s *indexShard) {
	positions := make([]Position, 0, len(s.at))
	for _, p := range s.at {
		positions = append(positions, p)
	}
	slices.Sort(positions)
	pivot := positions[len(positions)/2]
	// The floor goes first: nobody may look between the two and find nothing.
	x.raise(pivot)
	for h, p := range s.at {
		if p <= pivot {
			delete(s.at, h)
		}
	}
}

func (x *index) hash(kind, subject string) uint64 {
	// Multiplying by an odd number keeps ("a", "b") and ("b", "a") apart.
	return maphash.String(x.seed, kind)*0x9E3779B97F4A7C15 + maphash.String(x.seed, subject)
}
