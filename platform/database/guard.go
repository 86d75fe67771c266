package database

import (
	"context"

	"github.com/uptrace/bun"
)

// guard is the hook of the read handle: it bounds every query and, under Strict, refuses
// those that belong into a transaction.
type guard struct{ db *DB }

// BeforeQuery puts the time limit on the query.
func (g guard) BeforeQuery(ctx context.Context, e *bun.QueryEvent) context.Context {
	if g.db.settings.Strict {
		if e.Query == "BEGIN" {
			panic("database: only InTx begins transactions")
		}
		g.db.refuseInside(ctx, e.Query)
	}
	if ctx.Err() != nil {
		return ctx // the caller left before the query began
	}
	return limit(ctx, g.db.settings.Timeout)
}

// AfterQuery releases the limit's timer when the rows are known to be read; otherwise it
// runs out by itself, because the caller still reads rows under it.
func (g guard) AfterQuery(ctx context.Context, e *bun.QueryEvent) {
	if l, ok := ctx.(*limited); ok && (e.Err != nil || e.Result != nil) {
		l.cancel()
	}
}

// refuseInside panics when ctx belongs to an open transaction of this database.
func (d *DB) refuseInside(ctx context.Context, query string) {
	if d.openTransaction(ctx) != nil {
		panic("database: a read through the pool inside a transaction; use the transaction: " + query)
	}
}
