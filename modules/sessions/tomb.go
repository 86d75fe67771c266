package sessions

import (
	"context"
	"time"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/invalidation"
)

// tombs is the cache of sessions as revocations see it.
type tombs struct {
	cache cache.Sliding
	log   *invalidation.Log
	// trusted is false when the cache is private to this process and others may write
	// to the database: rows are read then, and nothing is cached that could be stale.
	trusted bool
}

func (t tombs) keys(hashes []hash) []string {
	epoch := t.log.Epoch()
	keys := make([]string, len(hashes))
	for i, h := range hashes {
		keys[i] = key(epoch, h)
	}
	return keys
}

// bury puts tombstones in the place of sessions, until the last of them would have
// died anyway. It returns how to take them away again, should the revocation be
// rolled back. An error means that the cache may still hold some of the sessions.
func (t tombs) bury(ctx context.Context, hashes []hash, now, until time.Time) (undo func(context.Context) error, err error) {
	if !t.trusted || len(hashes) == 0 {
		return func(context.Context) error { return nil }, nil
	}
	keys := t.keys(hashes)
	undo = func(ctx context.Context) error { return t.cache.Unbury(ctx, keys) }
	return undo, t.cache.Bury(ctx, keys, now, until)
}

// kill makes the cache forget sessions whose rows are dead: the next look-up reads the
// row and is refused by it.
func (t tombs) kill(ctx context.Context, hashes []hash) error {
	if !t.trusted || len(hashes) == 0 {
		return nil
	}
	return t.cache.Forget(ctx, t.keys(hashes))
}
