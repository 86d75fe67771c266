package harness

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx
	_ "modernc.org/sqlite"             // the driver sqlite
)

// open opens the deployment's database from outside, as an operator's tool would.
func (sys *System) open() (*sql.DB, error) {
	if sys.Kind == Embedded {
		return sql.Open("sqlite", "file:"+sys.SQLite+"?_pragma=busy_timeout(5000)")
	}
	return sql.Open("pgx", sys.Postgres.URL(sys.Database))
}

// Exec changes the database behind the system's back, in one transaction. It takes no arguments, since the
// dialects write them differently: a journey puts its own ids into the text.
func (sys *System) Exec(t testing.TB, statements ...string) {
	t.Helper()
	db, err := sys.open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// Query reads the database behind the system's back, every value as text.
func (sys *System) Query(t testing.TB, query string) [][]string {
	t.Helper()
	db, err := sys.open()
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(columns))
		for i, v := range values {
			row[i] = show(*v.(*any))
		}
		out = append(out, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out
}

func show(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

// One is the single value of a query.
func (sys *System) One(t testing.TB, query string) string {
	t.Helper()
	rows := sys.Query(t, query)
	if len(rows) != 1 || len(rows[0]) != 1 {
		t.Fatalf("%s: %d rows, want one value", query, len(rows))
	}
	return rows[0][0]
}

// Tables are the names of all tables.
func (sys *System) Tables(t testing.TB) []string {
	t.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`
	if sys.Kind != Embedded {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name`
	}
	var names []string
	for _, row := range sys.Query(t, query) {
		names = append(names, row[0])
	}
	return names
}
