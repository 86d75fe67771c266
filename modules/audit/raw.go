package audit

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// Whoever alters a table by SQL may write what no column of ours holds: a text for a
// number, an infinite time, an empty text for none. Sealing and verifying read the tables
// so that this is a finding about a row, and never an error that hides the others.

// raw is a value as the driver gives it.
type raw struct{ value any }

// Scan keeps the value.
func (r *raw) Scan(v any) error {
	if b, ok := v.([]byte); ok {
		v = append([]byte{}, b...)
	}
	r.value = v
	return nil
}

func (r *raw) null() bool { return r.value == nil }

// text reads a text that may not be null.
func (r *raw) text() (string, bool) {
	s, ok := r.value.(string)
	return s, ok
}

// optional reads a text that is null when it is empty.
func (r *raw) optional() (string, bool) {
	if r.value == nil {
		return "", true
	}
	s, ok := r.value.(string)
	return s, ok && s != ""
}

// bytes reads bytes that may not be null.
func (r *raw) bytes() ([]byte, bool) {
	b, ok := r.value.([]byte)
	return b, ok
}

// hash reads a digest.
func (r *raw) hash() (d digest, ok bool) {
	b, ok := r.value.([]byte)
	return digest(append(make([]byte, 0, len(d)), padded(b)...)), ok && len(b) == len(d)
}

// padded returns the bytes, or as many zeros as a digest has when they are not one.
func padded(b []byte) []byte {
	if len(b) != len(digest{}) {
		return make([]byte, len(digest{}))
	}
	return b
}

// optionalHash reads a commitment, nil when there is none.
func (r *raw) optionalHash() ([]byte, bool) {
	if r.value == nil {
		return nil, true
	}
	b, ok := r.value.([]byte)
	return b, ok && len(b) == len(digest{})
}

// number reads an integer that may not be null.
func (r *raw) number() (int64, bool) {
	n, ok := r.value.(int64)
	return n, ok
}

// yes reads a boolean that was selected as text.
func (r *raw) yes() (value, ok bool) {
	switch r.value {
	case "1", "true":
		return true, true
	case "0", "false":
		return false, true
	}
	return false, false
}

// moment reads a time that was selected with rawTime.
func (r *raw) moment(d database.Dialect) (time.Time, bool) {
	s, ok := r.value.(string)
	if !ok {
		return time.Time{}, false
	}
	layout := "2006-01-02 15:04:05.000000"
	if d == database.SQLite {
		layout = "2006-01-02 15:04:05.999999-07:00"
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		return time.Time{}, false
	}
	t = t.UTC()
	return t, t.Format(layout) == s
}

// optionalMoment reads a time that may be null.
func (r *raw) optionalMoment(d database.Dialect) (time.Time, bool) {
	if r.value == nil {
		return time.Time{}, true
	}
	return r.moment(d)
}

// rawTime is the expression that selects a time as text, whatever it is.
func rawTime(d database.Dialect, column string) string {
	if d == database.SQLite {
		return "CAST(" + column + " AS TEXT)"
	}
	return "CASE WHEN " + column + " IS NULL THEN NULL ELSE coalesce(to_char(" + column +
		" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), 'infinity') END"
}

// rawID is the expression that selects an id as text.
func rawID(d database.Dialect, column string) string {
	if d == database.SQLite {
		return column
	}
	return column + "::text"
}

// rawEntry is a row of audit_entries as it was found.
type rawEntry struct {
	Entry

	mac     []byte
	pending []byte
	// waiting is true while the row is unsealed.
	waiting bool
	xid     string
	// wrong names the first column that holds what this module never writes.
	wrong string
}

// entryColumnCount is how many columns entryColumns selects.
const entryColumnCount = 17

// entryColumns are the columns of audit_entries for readEntry, of the table called e.
func entryColumns(d database.Dialect) string {
	const alias = "e"
	xid := "'0'"
	if d == database.PostgreSQL {
		xid = alias + ".xid::text"
	}
	names := []string{
		rawID(d, alias+".id"), rawTime(d, alias+".created_at"), alias + ".action", alias + ".actor_id", alias + ".organization_id",
		alias + ".resource_type", alias + ".resource_id", "CAST(" + alias + ".success AS TEXT)", alias + ".error_type",
		alias + ".request_id", alias + ".trace_id", alias + ".metadata", alias + ".client_subject", alias + ".detail_subject",
		alias + ".mac", alias + ".pending", xid,
	}
	return strings.Join(names, ", ")
}

// readEntry reads the columns of entryColumns.
func readEntry(d database.Dialect, v []raw) rawEntry {
	var e rawEntry
	note := func(ok bool, column string) {
		if !ok && e.wrong == "" {
			e.wrong = column
		}
	}
	var ok bool
	e.ID, ok = v[0].text()
	note(ok, "id")
	e.CreatedAt, ok = v[1].moment(d)
	note(ok, "created_at")
	e.Action, ok = v[2].text()
	note(ok, "action")
	e.Success, ok = v[7].yes()
	note(ok, "success")
	e.Metadata, ok = v[11].text()
	note(ok, "metadata")
	for _, c := range []struct {
		at   int
		into *string
		name string
	}{
		{3, &e.ActorID, "actor_id"},
		{4, &e.OrganizationID, "organization_id"},
		{5, &e.ResourceType, "resource_type"},
		{6, &e.ResourceID, "resource_id"},
		{8, &e.ErrorType, "error_type"},
		{9, &e.RequestID, "request_id"},
		{10, &e.TraceID, "trace_id"},
		{12, &e.ClientSubject, "client_subject"},
		{13, &e.DetailSubject, "detail_subject"},
	} {
		*c.into, ok = v[c.at].optional()
		note(ok, c.name)
	}
	e.mac, ok = v[14].bytes()
	note(ok, "mac")
	e.waiting = !v[15].null()
	if e.waiting {
		e.pending, ok = v[15].bytes()
		note(ok, "pending")
	}
	e.xid, _ = v[16].text()
	return e
}

// queryRaw runs a query and calls each with the values of every row.
func queryRaw(ctx context.Context, db bun.IDB, columns int, query string, args []any, each func(v []raw) error) error {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scanRaw(rows, columns, each); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

func scanRaw(rows *sql.Rows, columns int, each func(v []raw) error) error {
	values, into := make([]raw, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return each(values)
}

// sealColumnCount is how many columns sealColumns selects.
const sealColumnCount = 12

// sealColumns are the columns of audit_seals for readSeal.
func sealColumns(d database.Dialect) string {
	return strings.Join([]string{
		"number", rawTime(d, "sealed_at"), "entries", rawTime(d, "first_at"), rawTime(d, "last_at"), "root", "previous", "head",
		"key_id", "signature", rawTime(d, "pruned_at"), "prune_signature",
	}, ", ")
}

// readSeal reads the columns of sealColumns. wrong names the first that holds what this
// module never writes.
func readSeal(d database.Dialect, v []raw) (s seal, wrong string) {
	note := func(ok bool, column string) {
		if !ok && wrong == "" {
			wrong = column
		}
	}
	var ok bool
	s.Number, ok = v[0].number()
	note(ok, "number")
	s.SealedAt, ok = v[1].moment(d)
	note(ok, "sealed_at")
	s.Entries, ok = v[2].number()
	note(ok && s.Entries > 0, "entries")
	s.FirstAt, ok = v[3].moment(d)
	note(ok, "first_at")
	s.LastAt, ok = v[4].moment(d)
	note(ok, "last_at")
	s.Root, ok = v[5].hash()
	note(ok, "root")
	s.Previous, ok = v[6].hash()
	note(ok, "previous")
	s.Head, ok = v[7].hash()
	note(ok, "head")
	s.KeyID, ok = v[8].text()
	note(ok, "key_id")
	s.Signature, ok = v[9].bytes()
	note(ok, "signature")
	s.PrunedAt, ok = v[10].optionalMoment(d)
	note(ok, "pruned_at")
	if !v[11].null() {
		s.PruneSignature, ok = v[11].bytes()
		note(ok, "prune_signature")
	}
	note(s.PrunedAt.IsZero() == v[11].null(), "prune_signature")
	return s, wrong
}

// itoa writes a number for texts.
func itoa(n int64) string { return strconv.FormatInt(n, 10) }
