package sessions

import (
	"context"
	"time"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/invalidation"
)

// tombs is the cache of sessions as revocations see it.
type tombs struct {
	cache cache.Sliding
	log   *invalidation.Log
	ids   id.Source
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
//
// The caller holds the sessions' rows and found them ACTIVE. A rollback frees the rows
// before it undoes, and the next revoker may bury in between: the owner, one for each
// revocation, keeps the first from taking the second's tombstones away. That the latest
// owner has a tombstone is enough, because whoever buries holds the row, and so the
// earlier revocation is over. If it was committed, the row is not ACTIVE and nobody
// buries it again; if it was rolled back, or its process died before the commit, it has
// no claim to a tombstone. So no undo uncovers a revocation that is still open.
func (t tombs) bury(ctx context.Context, hashes []hash, now, until time.Time) (undo func(context.Context) error, err error) {
	if !t.trusted || len(hashes) == 0 {
		return func(context.Context) error { return nil }, nil
	}
	keys, owner := t.keys(hashes), t.ids.New()
	undo = func(ctx context.Context) error { return t.cache.Unbury(ctx, keys, owner) }
	return undo, t.cache.Bury(ctx, keys, owner, now, until)
}

// seal puts a tombstone without an owner in the place of a session that is dead, or dies
// in this transaction: no undo takes it away, whoever had buried the session before.
func (t tombs) seal(ctx context.Context, key string, now, until time.Time) error {
	return t.cache.Bury(ctx, []string{key}, "", now, until)
}

// kill makes the cache forget sessions whose rows are dead: the next look-up reads the
// row and is refused by it.
func (t tombs) kill(ctx context.Context, hashes []hash) error {
	if !t.trusted || len(hashes) == 0 {
		return nil
	}
	return t.cache.Forget(ctx, t.keys(hashes))
}
