package migrate

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// applied is a row of a line's history.
type applied struct {
	Name       string
	MigratedAt time.Time
}

// createHistory makes the line's history table.
func createHistory(ctx context.Context, db bun.IDB, l Line, t Types) error {
	_, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS ? (id "+t.AutoID+", name "+t.Text+
		" NOT NULL UNIQUE, migrated_at "+t.Timestamp+" NOT NULL DEFAULT "+t.Now+")", bun.Ident(l.table()))
	if err != nil {
		return fmt.Errorf("migrate: create the history of %s: %w", l.Name, err)
	}
	return nil
}

// history returns what the line's history holds, oldest first; nothing when there is none.
func history(ctx context.Context, db *database.DB, l Line) ([]applied, error) {
	exists := "SELECT to_regclass(?) IS NOT NULL"
	if db.Dialect() == database.SQLite {
		exists = "SELECT count(*) > 0 FROM sqlite_schema WHERE type = 'table' AND name = ?"
	}
	var there bool
	if err := db.Read().NewRaw(exists, l.table()).Scan(ctx, &there); err != nil || !there {
		return nil, err
	}
	var rows []applied
	err := db.Read().NewSelect().TableExpr("?", bun.Ident(l.table())).Column("name", "migrated_at").OrderExpr("name").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("migrate: read the history of %s: %w", l.Name, err)
	}
	return rows, nil
}

// record notes that a step is applied. A step that is repeated keeps its first row.
func record(ctx context.Context, db bun.IConn, l Line, name string) error {
	_, err := db.ExecContext(ctx, "INSERT INTO ? (name) VALUES (?) ON CONFLICT (name) DO NOTHING", bun.Ident(l.table()), name)
	return err
}

// forget notes that a step is not applied.
func forget(ctx context.Context, db bun.IConn, l Line, name string) error {
	_, err := db.ExecContext(ctx, "DELETE FROM ? WHERE name = ?", bun.Ident(l.table()), name)
	return err
}
