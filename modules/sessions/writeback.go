package sessions

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// batchSize is how many sessions one write-back statement slides.
const batchSize = 500

// activity is a use of a session that the database does not know of yet. There may be
// one for every live session, so its times are Unix milliseconds.
type activity struct {
	hash       hash
	used, dies int64
}

// at returns when the session was used.
func (a activity) at() time.Time { return time.UnixMilli(a.used).UTC() }

// deadline returns when the session dies if it was not used again.
func (a activity) deadline() time.Time { return time.UnixMilli(a.dies).UTC() }

// writeBack remembers the latest activity of sessions and brings it to the database in
// batches, so that no request waits for a write and no session costs more than one row
// an interval. What a process holds here counts when it judges a row: its own requests
// are never older than the database believes.
type writeBack struct {
	store *store
	cache tombs
	rows  func(n int)
	note  func(ctx context.Context, doing string, err error)

	flushing sync.Mutex // one flush at a time

	mu      sync.Mutex
	dirty   map[sessionID]activity
	writing map[sessionID]activity // taken from dirty, not known to be written
}

// touch remembers that a session was used.
func (w *writeBack) touch(id sessionID, h hash, at, deadline time.Time) {
	w.remember(id, activity{hash: h, used: at.UnixMilli(), dies: deadline.UnixMilli()})
}

// remember keeps the later of what is known and a.
func (w *writeBack) remember(id sessionID, a activity) {
	w.mu.Lock()
	if known, ok := w.dirty[id]; !ok || known.used < a.used {
		w.dirty[id] = a
	}
	w.mu.Unlock()
}

// latest returns the newest activity that this process remembers of a session.
func (w *writeBack) latest(id sessionID) (activity, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.dirty[id]
	if b, also := w.writing[id]; also && (!ok || a.used < b.used) {
		return b, true
	}
	return a, ok
}

// forget drops what is remembered of sessions that ended.
func (w *writeBack) forget(ids []sessionID) {
	w.mu.Lock()
	for _, id := range ids {
		delete(w.dirty, id)
	}
	w.mu.Unlock()
}

// flush writes everything remembered so far. What could not be written is remembered
// again, for the next flush.
func (w *writeBack) flush(ctx context.Context) error {
	w.flushing.Lock()
	defer w.flushing.Unlock()

	w.mu.Lock()
	taken := w.dirty
	w.dirty, w.writing = make(map[sessionID]activity, len(taken)/2), taken
	w.mu.Unlock()

	ids := slices.SortedFunc(maps.Keys(taken), func(a, b sessionID) int { return bytes.Compare(a[:], b[:]) })
	var failed error
	for batch := range slices.Chunk(ids, batchSize) {
		again := batch
		if failed == nil {
			again, failed = w.write(ctx, batch, taken)
		}
		w.keep(again, taken)
	}
	w.mu.Lock()
	w.writing = nil
	w.mu.Unlock()
	return failed
}

// write brings one batch to the database and returns the sessions to try again. A
// session that was not written is held by another transaction or dead; the cache must
// not serve a dead one any longer.
func (w *writeBack) write(ctx context.Context, batch []sessionID, taken map[sessionID]activity) ([]sessionID, error) {
	written, err := w.store.slide(ctx, batch, taken)
	if err != nil {
		return batch, err
	}
	w.rows(len(written))
	if len(written) == len(batch) {
		return nil, nil
	}
	missed := slices.DeleteFunc(slices.Clone(batch), func(id sessionID) bool {
		_, ok := written[id]
		return ok
	})
	active, err := w.store.active(ctx, missed)
	if err != nil {
		return missed, err
	}
	var again []sessionID
	var dead []hash
	for _, id := range missed {
		if _, ok := active[id]; ok {
			again = append(again, id)
		} else {
			dead = append(dead, taken[id].hash)
		}
	}
	// Should the cache be out of reach, the next use of the value brings it here again.
	w.note(ctx, "forget ended sessions", w.cache.kill(ctx, dead))
	return again, nil
}

// keep remembers activity again, unless newer activity arrived meanwhile.
func (w *writeBack) keep(ids []sessionID, taken map[sessionID]activity) {
	for _, id := range ids {
		w.remember(id, taken[id])
	}
}
