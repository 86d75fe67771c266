// Package heap gives the garbage collector room to breathe while the heap is small.
//
// The collector runs whenever the heap has grown by a percentage (GOGC). A server whose
// live heap is a few megabytes then collects many times a second, and a tenth of its
// processor time goes there. What matters to an operator is memory, not a percentage:
// so the room between two collections is kept at a number of bytes while the heap is
// small, and at a modest share of it once it is large.
//
// What may be touched: the numbers, with a measurement beside them. An operator who sets
// GOGC is left alone.
package heap

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

const (
	// leastPercent is the growth allowed to a large heap, so that the collector does not
	// run without pause there.
	leastPercent = 50
	// mostPercent bounds the growth of a tiny heap.
	mostPercent = 2000

	liveHeap = "/gc/heap/live:bytes"
)

// Room keeps about the given number of bytes free between two collections. It adjusts
// after each collection, until stop is called, which restores what was set before.
// Of two rooms in one process, the later one rules.
func Room(bytes uint64) (stop func()) {
	r := &room{bytes: bytes, last: percent(live(), bytes)}
	before := debug.SetGCPercent(r.last)
	r.watch()
	return func() {
		if !r.stopped.Swap(true) {
			debug.SetGCPercent(before)
		}
	}
}

// room is the room asked for, and the percentage that gives it.
type room struct {
	bytes   uint64
	last    int
	stopped atomic.Bool
}

// sentinel is garbage from the start: that it is collected tells of a collection. It is
// too large to share its place with other small objects, which could keep it.
type sentinel struct{ _ [64]byte }

// watch adjusts the percentage after the next collection, and so on. Small changes are
// not worth the pause that setting it takes.
func (r *room) watch() {
	runtime.AddCleanup(&sentinel{}, func(r *room) {
		if r.stopped.Load() {
			return
		}
		if p := percent(live(), r.bytes); p > r.last*9/8 || p < r.last*7/8 {
			r.last = p
			debug.SetGCPercent(p)
		}
		r.watch()
	}, r)
}

// live returns the size of what the last collection left.
func live() uint64 {
	sample := []metrics.Sample{{Name: liveHeap}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// percent returns the growth that leaves about the given number of bytes free.
func percent(live, bytes uint64) int {
	if live == 0 {
		return mostPercent
	}
	p := math.Ceil(float64(bytes) / float64(live) * 100)
	return int(min(max(p, leastPercent), mostPercent))
}
