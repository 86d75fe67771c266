package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// cursor is the last unsealed row that a run has looked at. Rows that are refused are
// passed by, so that they do not keep others from being sealed.
type cursor struct{ xid, id string }

// The least values of both, before every row.
const (
	firstXID = "0"
	firstID  = "00000000-0000-0000-0000-000000000000"
)

// unsealed reads the next rows that are to be sealed, in the order in which they are
// sealed, and reports whether there may be more.
//
// On PostgreSQL that is the order of transactions. Rows from waits on wait for older
// transactions that are still open; a row whose transaction commits later than others is
// sealed later. Ids of transactions that this server has not reached came with a dump of
// another one and wait for nobody.
func (l *Sealing) unsealed(ctx context.Context, tx bun.Tx, after cursor, waits time.Time) (rows []rawEntry, last cursor, full bool, err error) {
	d, limit := l.db.Dialect(), sealBatch
	if after.id == "" {
		after = cursor{firstXID, firstID}
	}
	query := "SELECT " + entryColumns(d) + " FROM audit_entries AS e WHERE e.pending IS NOT NULL AND "
	var args []any
	if d == database.SQLite {
		limit = sealBatchSQLite
		query += "e.id > ? ORDER BY e.id LIMIT ?"
		args = []any{after.id, limit}
	} else {
		query += `(e.xid, e.id) > (?::xid8, ?::uuid) AND (e.xid < pg_snapshot_xmin(pg_current_snapshot())
			OR e.xid >= pg_snapshot_xmax(pg_current_snapshot()) OR e.created_at < ?) ORDER BY e.xid, e.id LIMIT ?`
		args = []any{after.xid, after.id, waits, limit}
	}
	last = after
	err = queryRaw(ctx, tx, entryColumnCount, query, args, func(v []raw) error {
		e := readEntry(d, v)
		rows = append(rows, e)
		if e.ID != "" { // an id that is no text is after all others, and is refused
			last = cursor{e.xid, e.ID}
		}
		return nil
	})
	if err != nil {
		return nil, after, false, fmt.Errorf("read unsealed rows: %w", err)
	}
	return rows, last, len(rows) == limit && last != after, nil
}
