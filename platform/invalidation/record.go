package invalidation

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// channel is what a recording transaction notifies on PostgreSQL.
const channel = "platform_invalidations"

// rowsPerInsert keeps one statement's text within reason.
const rowsPerInsert = 1000

// row is a row of the log as it is written.
type row struct {
	bun.BaseModel `bun:"table:platform_invalidations"`

	Kind     string
	Subject  string
	Position int64 `bun:",scanonly"`
}

// Record writes entries in the transaction that makes them true, with one statement for
// up to a thousand, and has this process see them as soon as the transaction is committed. Other
// replicas are notified by the commit. ctx must be the one that InTx gave.
func (l *Log) Record(ctx context.Context, tx bun.Tx, entries ...Entry) error {
	for part := range slices.Chunk(entries, rowsPerInsert) {
		if err := l.record(ctx, tx, part); err != nil {
			return fmt.Errorf("invalidation: record: %w", err)
		}
	}
	return nil
}

func (l *Log) record(ctx context.Context, tx bun.Tx, entries []Entry) error {
	rows := make([]row, len(entries))
	for i, e := range entries {
		rows[i] = row{Kind: e.Kind, Subject: e.Subject}
	}
	insert := tx.NewInsert().Model(&rows)
	if l.db.Dialect() == database.PostgreSQL {
		insert = insert.Returning("xid::text::bigint AS position, pg_notify(?, '') AS notified", channel)
	} else {
		insert = insert.Returning("id AS position")
	}
	if _, err := insert.Exec(ctx); err != nil {
		return err
	}
	database.AfterCommit(ctx, func(context.Context) {
		for _, r := range rows {
			l.apply(placed{Entry: Entry{Kind: r.Kind, Subject: r.Subject}, at: Position(r.Position)})
		}
		l.nudge()
	})
	return nil
}

// BumpEpoch gives the installation a new epoch in tx: every shared cache is left behind as a
// whole. Call [Log.WaitSeen] after the commit where nothing older may be used any more.
func (l *Log) BumpEpoch(ctx context.Context, tx bun.Tx) error {
	if _, err := tx.NewRaw("UPDATE platform_state SET epoch = ?", rand.Text()).Exec(ctx); err != nil {
		return fmt.Errorf("invalidation: bump the epoch: %w", err)
	}
	return l.Record(ctx, tx, Entry{Kind: KindEpoch, Subject: "*"})
}

// Prune removes the entries from before olderThan and returns how many there were. It
// leaves one entry behind that makes whatever those were about stale for replicas that
// start later, so olderThan need not be older than the oldest value in a cache; it should
// be, though, since such a value is read again.
func (l *Log) Prune(ctx context.Context, olderThan time.Time) (int64, error) {
	var removed int64
	err := l.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		n, floor, err := l.prune(ctx, tx, database.Canonical(olderThan))
		if err != nil {
			return err
		}
		removed = n
		if floor <= 0 {
			return nil
		}
		return l.Record(ctx, tx, Entry{Kind: kindFloor, Subject: fmt.Sprint(floor)})
	})
	if err != nil {
		return 0, fmt.Errorf("invalidation: prune: %w", err)
	}
	return removed, nil
}

// prune removes rows and returns how many, and the highest position among them. Rows that
// a running transaction precedes stay. Those from the future came with the dump of another
// server and have no position here.
func (l *Log) prune(ctx context.Context, tx bun.Tx, olderThan time.Time) (removed, floor int64, err error) {
	if l.db.Dialect() == database.PostgreSQL {
		err = tx.NewRaw(`WITH gone AS (DELETE FROM platform_invalidations WHERE created_at < ?
				AND (xid < pg_snapshot_xmin(pg_current_snapshot()) OR xid >= pg_snapshot_xmax(pg_current_snapshot()))
				RETURNING xid)
			SELECT count(*), coalesce(max(xid::text::bigint) FILTER (WHERE xid < pg_snapshot_xmin(pg_current_snapshot())), 0) FROM gone`,
			olderThan).Scan(ctx, &removed, &floor)
		return removed, floor, err
	}
	err = tx.NewRaw("SELECT count(*), coalesce(max(id), 0) FROM platform_invalidations WHERE created_at < ?", olderThan).Scan(ctx, &removed, &floor)
	if err != nil || removed == 0 {
		return removed, floor, err
	}
	_, err = tx.NewRaw("DELETE FROM platform_invalidations WHERE created_at < ?", olderThan).Exec(ctx)
	return removed, floor, err
}
