package sessions

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// slidePostgreSQL slides a batch in one statement. Rows are locked in the order of
// their ids, so that two replicas cannot deadlock, and rows that somebody else holds are
// skipped, so that a flush never waits for a revocation. Activity only moves forward,
// and no deadline passes the cap.
const slidePostgreSQL = `WITH used AS (
	SELECT * FROM unnest(?::uuid[], ?::timestamptz[], ?::timestamptz[]) AS u (id, at, deadline)
), held AS (
	SELECT s.id FROM sessions_sessions s WHERE s.id = ANY (?::uuid[]) AND s.status = 'ACTIVE'
	ORDER BY s.id FOR UPDATE SKIP LOCKED
)
UPDATE sessions_sessions AS s SET
	last_activity_at = GREATEST(s.last_activity_at, used.at),
	expires_at = CASE WHEN used.at < s.last_activity_at THEN s.expires_at ELSE LEAST(used.deadline, s.absolute_expires_at) END
FROM used, held
WHERE s.id = used.id AND s.id = held.id AND s.status = 'ACTIVE'
RETURNING s.id`

// slideSQLite does the same where one writer at a time makes locks needless. The batch
// is a JSON array of [id, at, deadline], whose times have the form they are stored in.
const slideSQLite = `UPDATE sessions_sessions AS s SET
	last_activity_at = max(s.last_activity_at, used.at),
	expires_at = CASE WHEN used.at < s.last_activity_at THEN s.expires_at ELSE min(used.deadline, s.absolute_expires_at) END
FROM (SELECT value ->> 0 AS id, value ->> 1 AS at, value ->> 2 AS deadline FROM json_each(?)) AS used
WHERE s.id = used.id AND s.status = 'ACTIVE'
RETURNING id`

// sliding is the part of the store that writes activity back.
type sliding struct {
	db     *database.DB
	update *database.Stmt
}

func newSliding(db *database.DB) sliding {
	if db.Dialect() == database.PostgreSQL {
		return sliding{db: db, update: db.Prepare(slidePostgreSQL)}
	}
	return sliding{db: db, update: db.Prepare(slideSQLite)}
}

// slide writes the activity of the sessions ids, which are sorted, and returns those
// that were written: neither dead nor held by another transaction.
func (s sliding) slide(ctx context.Context, ids []sessionID, used map[sessionID]activity) (map[sessionID]struct{}, error) {
	written := make(map[sessionID]struct{}, len(ids))
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		clear(written)
		note := func(scan func(dest ...any) error) error {
			var text string
			if err := scan(&text); err != nil {
				return err
			}
			id, err := parseSessionID(text)
			written[id] = struct{}{}
			return err
		}
		return s.update.In(tx).Query(ctx, note, s.batch(ids, used)...)
	})
	if err != nil {
		return nil, fmt.Errorf("sessions: write activity back: %w", err)
	}
	return written, nil
}

// batch returns the arguments of the statement.
func (s sliding) batch(ids []sessionID, used map[sessionID]activity) []any {
	if s.db.Dialect() == database.PostgreSQL {
		names := make([]string, len(ids))
		at := make([]time.Time, len(ids))
		deadlines := make([]time.Time, len(ids))
		for i, id := range ids {
			a := used[id]
			names[i], at[i], deadlines[i] = id.String(), a.at(), a.deadline()
		}
		return []any{names, at, deadlines, names}
	}
	text := append(make([]byte, 0, 112*len(ids)+2), '[')
	for i, id := range ids {
		if i > 0 {
			text = append(text, ',')
		}
		a := used[id]
		text = append(append(text, `["`...), id.String()...)
		text = a.at().AppendFormat(append(text, `","`...), storedTime)
		text = a.deadline().AppendFormat(append(text, `","`...), storedTime)
		text = append(text, `"]`...)
	}
	return []any{string(append(text, ']'))}
}

// storedTime is how times are stored on SQLite.
const storedTime = "2006-01-02 15:04:05.999999-07:00"

// active returns which of the sessions are ACTIVE.
func (s sliding) active(ctx context.Context, ids []sessionID) (map[sessionID]struct{}, error) {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	var found []string
	err := s.db.Read().NewSelect().Table("sessions_sessions").Column("id").
		Where("id IN (?)", bun.List(names)).Where("status = 'ACTIVE'").Scan(ctx, &found)
	if err != nil {
		return nil, fmt.Errorf("sessions: look after sessions that were not written: %w", err)
	}
	active := make(map[sessionID]struct{}, len(found))
	for _, text := range found {
		id, err := parseSessionID(text)
		if err != nil {
			return nil, err
		}
		active[id] = struct{}{}
	}
	return active, nil
}
