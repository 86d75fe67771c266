package ratelimit

import (
	"context"
	"sync"
	"time"

	"github.com/authy2/backend/platform/clock"
)

const (
	// mostBuckets bounds the memory; beyond it the bucket that would be forgotten first,
	// of a few, is forgotten now.
	mostBuckets = 1 << 20
	// sampled is how many buckets are looked at with each new one.
	sampled = 8
)

// MemoryGrowing is the [Growing] of one process. It forgets what is over while it works.
type MemoryGrowing struct {
	clock   clock.Clock
	mu      sync.Mutex
	buckets map[string]*bucket
}

// bucket is how many attempts were counted, and when.
type bucket struct {
	n            int
	last, before time.Time
	forgotten    time.Time // when nothing of it counts any more
}

var _ Growing = (*MemoryGrowing)(nil)

// NewMemoryGrowing returns an empty Growing.
func NewMemoryGrowing(c clock.Clock) *MemoryGrowing {
	return &MemoryGrowing{clock: c, buckets: make(map[string]*bucket)}
}

// Reserve counts an attempt, or says how long to wait.
func (g *MemoryGrowing) Reserve(_ context.Context, name string, p Policy) (time.Duration, error) {
	now := g.clock.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	b, ok := g.buckets[name]
	if !ok || !now.Before(b.forgotten) {
		if !ok {
			g.sweep(now)
		}
		b = &bucket{}
		g.buckets[name] = b
	}
	if delay := p.delay(b.n); delay > 0 {
		if wait := b.last.Add(delay).Sub(now); wait > 0 {
			return min(wait, delay), nil
		}
	}
	b.n = min(b.n+1, p.Free+maxDoublings+1)
	b.before, b.last = b.last, now
	b.forgotten = now.Add(p.memory(b.n))
	return 0, nil
}

// Succeed forgets the bucket.
func (g *MemoryGrowing) Succeed(_ context.Context, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.buckets, name)
	return nil
}

// Release takes the last attempt back.
func (g *MemoryGrowing) Release(_ context.Context, name string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	b, ok := g.buckets[name]
	if !ok {
		return nil
	}
	if b.n--; b.n <= 0 {
		delete(g.buckets, name)
		return nil
	}
	if !b.before.IsZero() {
		b.last = b.before
	}
	return nil
}

// sweep drops what is over from a random sample, and makes room when there is none.
func (g *MemoryGrowing) sweep(now time.Time) {
	first, seen := "", 0
	for name, b := range g.buckets {
		if !now.Before(b.forgotten) {
			delete(g.buckets, name)
		} else if f, ok := g.buckets[first]; !ok || b.forgotten.Before(f.forgotten) {
			first = name
		}
		if seen++; seen == sampled {
			break
		}
	}
	if len(g.buckets) >= mostBuckets {
		delete(g.buckets, first)
	}
}

// Len returns how many buckets are held, those included that are over but not yet dropped.
func (g *MemoryGrowing) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.buckets)
}
