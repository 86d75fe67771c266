package database_test

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
)

// things is a line with one table, for tests that need a row of their own.
func things() []migrate.Line {
	return []migrate.Line{{Name: "things", Go: []migrate.Step{{
		Name: "20260101000000_things",
		Up: func(ctx context.Context, db *bun.DB) error {
			timestamp, bytes := "timestamptz", "bytea"
			if db.Dialect().Name().String() != "pg" {
				timestamp, bytes = "TIMESTAMP", "BLOB"
			}
			_, err := db.ExecContext(ctx, "CREATE TABLE things (id text NOT NULL PRIMARY KEY, name text NOT NULL, n integer NOT NULL DEFAULT 0, "+
				"data "+bytes+", ends_at "+timestamp+", CONSTRAINT things_name_key UNIQUE (name))")
			return err
		},
		Down: func(ctx context.Context, db *bun.DB) error {
			_, err := db.ExecContext(ctx, "DROP TABLE things")
			return err
		},
	}}}}
}

type thing struct {
	bun.BaseModel `bun:"table:things"`

	ID     string `bun:",pk"`
	Name   string
	N      int
	Data   []byte
	EndsAt time.Time
}

func both(t *testing.T, fn func(t *testing.T, b platformtest.Backend)) {
	t.Helper()
	platformtest.Backends(t, things(), fn)
}

// insert adds a thing in a transaction of its own.
func insert(ctx context.Context, db *database.DB, id string) error {
	return db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(&thing{ID: id, Name: id}).Exec(ctx)
		return err
	})
}

// names returns the names of all things, in order.
func names(t *testing.T, db *database.DB) []string {
	t.Helper()
	var all []string
	if err := db.Read().NewSelect().Model((*thing)(nil)).Column("name").Order("name").Scan(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	return all
}
