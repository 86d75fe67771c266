package database_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/platformtest"
)

func TestUniqueAndNotFound(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		if err := insert(t.Context(), b.DB, "a"); err != nil {
			t.Fatal(err)
		}
		add := func(id, name string) error {
			return b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.NewInsert().Model(&thing{ID: id, Name: name}).Exec(ctx)
				return err
			})
		}
		for _, tc := range []struct {
			what       string
			err        error
			constraint string
			want       bool
		}{
			{"the constraint by name", add("b", "a"), "things_name_key", true},
			{"any constraint", add("b", "a"), "", true},
			{"another constraint", add("b", "a"), "things_pkey", false},
			{"the primary key", add("a", "b"), "things_pkey", true},
			{"no error", nil, "", false},
			{"another error", sql.ErrNoRows, "", false},
		} {
			if got := database.IsUnique(tc.err, tc.constraint); got != tc.want {
				t.Errorf("%s: IsUnique(%v, %q) = %v", tc.what, tc.err, tc.constraint, got)
			}
		}
		err := b.DB.Prepare("SELECT name FROM things WHERE id = ?").QueryRow(t.Context(), "none").Scan(new(string))
		if !database.IsNotFound(err) {
			t.Errorf("prepared: %v is not not-found", err)
		}
		err = b.DB.Read().NewSelect().Model(new(thing)).Where("id = ?", "none").Scan(t.Context())
		if !database.IsNotFound(err) {
			t.Errorf("bun: %v is not not-found", err)
		}
	})
}

func TestPartialIndexIsUniqueToo(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		run := func(sql string) {
			t.Helper()
			if err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.ExecContext(ctx, sql)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		run("CREATE UNIQUE INDEX things_n_key ON things (n) WHERE n > 0")
		run("CREATE UNIQUE INDEX things_lower_key ON things (lower(name))")
		run("INSERT INTO things (id, name, n) VALUES ('a', 'a', 1)")
		for constraint, insert := range map[string]string{
			"things_n_key":     "INSERT INTO things (id, name, n) VALUES ('b', 'b', 1)",
			"things_lower_key": "INSERT INTO things (id, name, n) VALUES ('b', 'A', 2)",
		} {
			err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.ExecContext(ctx, insert)
				return err
			})
			if !database.IsUnique(err, constraint) {
				t.Errorf("%v is not a violation of %s", err, constraint)
			}
		}
	})
}

func TestReadsCannotWriteOnSQLite(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, things()...)
	_, err := b.DB.Read().NewInsert().Model(&thing{ID: "a", Name: "a"}).Exec(t.Context())
	if err == nil {
		t.Error("the read handle writes")
	}
}

func TestCancelledReadIsNotAnOutage(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := b.DB.Read().NewSelect().Model((*thing)(nil)).Count(ctx)
		if !errors.Is(err, context.Canceled) || errors.Is(err, apperr.ErrUnavailable) {
			t.Errorf("bun: %v", err)
		}
		err = b.DB.Prepare("SELECT 1").QueryRow(ctx).Scan(new(int))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("prepared: %v", err)
		}
	})
}
