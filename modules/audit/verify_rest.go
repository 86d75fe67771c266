package audit

import (
	"context"
	"crypto/hmac"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// headsOf reads the heads of seals.
func (v *verification) headsOf(ctx context.Context, numbers []int64) (map[int64]digest, error) {
	found := make(map[int64]digest, len(numbers))
	err := queryRaw(ctx, v.db.Read(), 2, "SELECT number, head FROM audit_seals WHERE number IN (?)", []any{bun.List(numbers)}, func(r []raw) error {
		number, ok := r[0].number()
		head, isHash := r[1].hash()
		if ok && isHash {
			found[number] = head
		}
		return nil
	})
	return found, err
}

// verifyEntries wants every row to be either unsealed or under a seal. It is one statement
// a page, so that a row which is sealed meanwhile is the one or the other.
func (v *verification) verifyEntries(ctx context.Context) error {
	d := v.db.Dialect()
	page, order := "id > ? ORDER BY id", "e.id"
	first := []any{lowest(d)}
	if !v.since.IsZero() {
		page, order = "(created_at, id) > (?, ?) ORDER BY created_at, id", "e.created_at, e.id"
		first = []any{v.since.Add(-time.Microsecond), lowest(d)}
	}
	query := "SELECT " + rawID(d, "e.id") + ", " + rawTime(d, "e.created_at") + `, e.waiting, m.seal FROM (
			SELECT id, created_at, CASE WHEN pending IS NULL THEN 0 ELSE 1 END AS waiting FROM audit_entries WHERE ` + page + ` LIMIT ?
		) AS e LEFT JOIN audit_seal_entries AS m ON m.entry_id = e.id ORDER BY ` + order
	return v.pages(ctx, 4, query, first, func(r []raw) ([]any, error) {
		id, isText := r[0].text()
		at, isTime := r[1].moment(d)
		waiting, _ := r[2].number()
		number, sealed := r[3].number()
		switch {
		case waiting == 0 && !sealed:
			return nil, &Problem{Kind: KindInserted, Table: tableEntries, Row: id, Note: "it is neither unsealed nor under a seal"}
		case waiting == 1 && sealed:
			return nil, &Problem{Kind: KindAltered, Table: tableEntries, Row: id, Seal: number, Field: "pending"}
		case !isText:
			return nil, &Problem{Kind: KindAltered, Table: tableEntries, Field: "id"}
		case !isTime:
			return nil, &Problem{Kind: KindAltered, Table: tableEntries, Row: id, Field: "created_at"}
		case len(first) == 1:
			return []any{id}, nil
		}
		return []any{at, id}, nil
	})
}

// lowest is before every id.
func lowest(d database.Dialect) string {
	if d == database.SQLite {
		return ""
	}
	return firstID
}

// verifyUnsealed wants every unsealed row to be as it was written.
func (v *verification) verifyUnsealed(ctx context.Context) error {
	d := v.db.Dialect()
	query := "SELECT " + entryColumns(d) + " FROM audit_entries AS e WHERE e.pending IS NOT NULL AND e.id > ? ORDER BY e.id LIMIT ?"
	return v.pages(ctx, entryColumnCount, query, []any{lowest(d)}, func(r []raw) ([]any, error) {
		e := readEntry(d, r)
		if _, ok := v.secrets.judge(&e); !ok {
			field := e.wrong
			if field == "" && v.secrets.rowAuthentic(e.mac, e.canonical()) {
				field = "pending"
			}
			if field == "" {
				field = v.flipped(&e)
			}
			return nil, &Problem{Kind: KindAltered, Table: tableEntries, Row: e.ID, Field: field, Note: "it is unsealed, and not as it was written"}
		}
		v.summary.UnsealedRows++
		return []any{e.ID}, nil
	})
}

// flipped tries whether only the success of an unsealed row was turned.
func (v *verification) flipped(e *rawEntry) string {
	other := e.Entry
	other.Success = !other.Success
	if v.secrets.rowAuthentic(e.mac, other.canonical()) {
		return "success"
	}
	return ""
}

// verifyPersonal wants every piece of personal data to belong to a row under a seal.
func (v *verification) verifyPersonal(ctx context.Context) error {
	d := v.db.Dialect()
	query := "SELECT " + rawID(d, "p.entry_id") + `, p.part, m.seal, m.position FROM (
			SELECT entry_id, part FROM audit_personal WHERE (entry_id, part) > (?, ?) ORDER BY entry_id, part LIMIT ?
		) AS p LEFT JOIN audit_seal_entries AS m ON m.entry_id = p.entry_id ORDER BY p.entry_id, p.part`
	return v.pages(ctx, 4, query, []any{lowest(d), ""}, func(r []raw) ([]any, error) {
		id, _ := r[0].text()
		name, _ := r[1].text()
		if _, sealed := r[2].number(); !sealed {
			return nil, &Problem{Kind: KindInserted, Table: tablePersonal, Row: id, Field: name, Note: "its row is not under a seal"}
		}
		if name != partClient && name != partDetail {
			return nil, &Problem{Kind: KindInserted, Table: tablePersonal, Row: id, Field: name, Note: "there is no such part"}
		}
		return []any{id, name}, nil
	})
}

// orphan finds a sealed row that lies under no seal and was written in the time of a seal:
// the row whose line was removed, as far as that can be told.
func (v *verification) orphan(ctx context.Context, s *seal) (string, error) {
	var id string
	err := v.db.Read().NewRaw(`SELECT e.id FROM audit_entries AS e LEFT JOIN audit_seal_entries AS m ON m.entry_id = e.id
		WHERE e.created_at >= ? AND e.created_at <= ? AND e.pending IS NULL AND m.entry_id IS NULL ORDER BY e.created_at, e.id LIMIT 1`,
		s.FirstAt, s.LastAt).Scan(ctx, &id)
	if err != nil && !database.IsNotFound(err) {
		return "", fmt.Errorf("audit: look for a row without a seal: %w", err)
	}
	return id, nil
}

// moved finds the line that belongs at a position of a seal, and lies elsewhere.
func (v *verification) moved(ctx context.Context, s *seal, position int64) (*line, error) {
	key := v.keys[s.KeyID]
	query := "SELECT " + lineColumns(v.db.Dialect()) + ` FROM audit_seal_entries AS m JOIN audit_entries AS e ON e.id = m.entry_id
		LEFT JOIN audit_personal AS pc ON 1 = 0 LEFT JOIN audit_personal AS pd ON 1 = 0
		WHERE e.created_at >= ? AND e.created_at <= ? LIMIT ?`
	var found *line
	err := queryRaw(ctx, v.db.Read(), lineColumnCount, query, []any{s.FirstAt, s.LastAt, pageSize}, func(r []raw) error {
		l := v.readLine(r)
		if hmac.Equal(l.mac, key.memberMAC(l.id, s.Number, position, l.leaf, l.client, l.detail)) {
			found = &l
		}
		return nil
	})
	return found, err
}
