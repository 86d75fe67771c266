package database_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/platformtest"
)

func TestStmt(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		add := b.DB.Prepare("INSERT INTO things (id, name, n, data) VALUES (?, 'what? ' || ?, ?, ?)")
		list := b.DB.Prepare(`SELECT name, "n", data FROM things WHERE n >= ? ORDER BY n`)
		for i, id := range []string{"a", "b", "c"} {
			err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				result, err := add.In(tx).Exec(ctx, id, id, i, []byte{0, byte(i), 255})
				if err != nil {
					return err
				}
				if n, err := result.RowsAffected(); err != nil || n != 1 {
					t.Errorf("%d rows, %v", n, err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		read := func(query func(each func(scan func(...any) error) error) error) []string {
			var got []string
			err := query(func(scan func(...any) error) error {
				var name string
				var n int
				var data []byte
				if err := scan(&name, &n, &data); err != nil {
					return err
				}
				if !slices.Equal(data, []byte{0, byte(n), 255}) {
					t.Errorf("data of %d is %v", n, data)
				}
				got = append(got, name)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		want := []string{"what? b", "what? c"}
		got := read(func(each func(scan func(...any) error) error) error { return list.Query(t.Context(), each, 1) })
		if !slices.Equal(got, want) {
			t.Errorf("pool: %v", got)
		}
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			got := read(func(each func(scan func(...any) error) error) error { return list.In(tx).Query(ctx, each, 1) })
			if !slices.Equal(got, want) {
				t.Errorf("transaction: %v", got)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		result, err := b.DB.Prepare("UPDATE things SET n = n + ? WHERE id = ?").Exec(t.Context(), 5, "a")
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := result.RowsAffected(); n != 1 {
			t.Errorf("%d rows updated", n)
		}
	})
}

// A statement on a transaction sees what only that transaction sees; on anything else it
// reads through the pool.
func TestStmtOn(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		add := b.DB.Prepare("INSERT INTO things (id, name, n, data) VALUES (?, 'x', ?, ?)")
		total := b.DB.Prepare("SELECT count(*) FROM things WHERE n >= ?")
		count := func(ctx context.Context, on bun.IDB) (n int) {
			if err := total.On(on).QueryRow(ctx, 0).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if _, err := add.On(tx).Exec(ctx, "a", 1, []byte{1}); err != nil {
				return err
			}
			if n, m := count(ctx, tx), count(ctx, &tx); n != 1 || m != 1 {
				t.Errorf("the transaction sees %d and %d rows", n, m)
			}
			if n := count(t.Context(), b.DB.Read()); n != 0 {
				t.Errorf("the pool sees %d rows before the commit", n)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := count(t.Context(), b.DB.Read()); n != 1 {
			t.Errorf("the pool sees %d rows", n)
		}
	})
}

// TestStmtIsPreparedOnTheServer looks for the statement where PostgreSQL lists those of a
// session, and checks that ad-hoc statements leave none behind.
func TestStmtIsPreparedOnTheServer(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t, things()...)
	find := b.DB.Prepare("SELECT name FROM things WHERE id = ?")
	var prepared []string
	err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		for range 3 {
			if err := find.In(tx).Query(ctx, func(func(...any) error) error { return nil }, "a"); err != nil {
				return err
			}
			if _, err := tx.NewSelect().Model((*thing)(nil)).Where("id = ?", "a").Count(ctx); err != nil {
				return err
			}
		}
		return tx.NewRaw("SELECT statement FROM pg_prepared_statements").Scan(ctx, &prepared)
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"SELECT name FROM things WHERE id = $1"}; !slices.Equal(prepared, want) {
		t.Errorf("prepared: %q, want %q", prepared, want)
	}
}

// TestStmtSurvivesANewColumn is an upgrade under load: the table changes under statements
// that are prepared already.
func TestStmtSurvivesANewColumn(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		stmt := b.DB.Prepare("SELECT name FROM things WHERE id = ?")
		if err := insert(t.Context(), b.DB, "a"); err != nil {
			t.Fatal(err)
		}
		for round := range 2 {
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					var name string
					if err := stmt.QueryRow(t.Context(), "a").Scan(&name); err != nil || name != "a" {
						t.Errorf("round %d: %q, %v", round, name, err)
					}
				})
			}
			wg.Wait()
			if round == 0 {
				err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
					_, err := tx.ExecContext(ctx, "ALTER TABLE things ADD COLUMN more text")
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		var row thing
		if err := b.DB.Read().NewRaw("SELECT * FROM things").Scan(t.Context(), &row); err != nil {
			t.Errorf("a column that this release does not know is an error: %v", err)
		}
	})
}

func TestStatementsAreCounted(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		stmt := b.DB.Prepare("SELECT count(*) FROM things")
		before := b.Statements()
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := stmt.In(tx).QueryRow(ctx).Scan(new(int)); err != nil {
				return err
			}
			_, err := tx.NewInsert().Model(&thing{ID: "a", Name: "a"}).Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := b.Statements() - before; n != 2 {
			t.Errorf("%d statements, want 2: BEGIN and COMMIT do not count", n)
		}
	})
}
