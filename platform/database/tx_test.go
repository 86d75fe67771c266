package database_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/platformtest"
)

func TestInTxCommitsOrRollsBack(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		if err := insert(t.Context(), b.DB, "kept"); err != nil {
			t.Fatal(err)
		}
		failure := errors.New("no")
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if _, err := tx.NewInsert().Model(&thing{ID: "lost", Name: "lost"}).Exec(ctx); err != nil {
				return err
			}
			return failure
		})
		if !errors.Is(err, failure) {
			t.Errorf("InTx = %v, want the function's error", err)
		}
		if got := names(t, b.DB); !slices.Equal(got, []string{"kept"}) {
			t.Errorf("there are %v", got)
		}
	})
}

func TestInTxOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		ctx, cancel := context.WithCancel(t.Context())
		err := b.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			cancel() // the client leaves
			_, err := tx.NewInsert().Model(&thing{ID: "a", Name: "a"}).Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, b.DB); len(got) != 1 {
			t.Errorf("there are %v", got)
		}
	})
}

func TestInTxRollsBackAPanic(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		undone := false
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic is gone")
				}
			}()
			_ = b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				database.AfterRollback(ctx, func(context.Context) { undone = true })
				if _, err := tx.NewInsert().Model(&thing{ID: "a", Name: "a"}).Exec(ctx); err != nil {
					return err
				}
				panic("boom")
			})
		}()
		if got := names(t, b.DB); len(got) != 0 || !undone {
			t.Errorf("there are %v, rollback hook ran: %v", got, undone)
		}
	})
}

func TestMistakesPanicWhenStrict(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		stmt := b.DB.Prepare("SELECT count(*) FROM things")
		for name, mistake := range map[string]func(ctx context.Context){
			"a transaction inside one": func(ctx context.Context) { _ = insert(ctx, b.DB, "a") },
			"a read through the pool": func(ctx context.Context) {
				_, _ = b.DB.Read().NewSelect().Model((*thing)(nil)).Count(ctx)
			},
			"a prepared read through the pool": func(ctx context.Context) { _ = stmt.QueryRow(ctx).Scan(new(int)) },
			"a transaction of one's own": func(ctx context.Context) {
				_, _ = b.DB.Read().BeginTx(ctx, nil)
			},
		} {
			panicked := false
			_ = b.DB.InTx(t.Context(), func(ctx context.Context, _ bun.Tx) error {
				defer func() { panicked = recover() != nil }()
				mistake(ctx)
				return nil
			})
			if !panicked {
				t.Errorf("%s does not panic", name)
			}
		}
	})
}

func TestHooks(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		var order []string
		note := func(what string) func(context.Context) {
			return func(ctx context.Context) {
				if database.InTransaction(ctx) || ctx.Err() != nil {
					what += " (inside)"
				}
				order = append(order, what)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := b.DB.InTx(ctx, func(ctx context.Context, _ bun.Tx) error {
			if !database.InTransaction(ctx) {
				t.Error("not in a transaction")
			}
			database.AfterCommit(ctx, note("first"))
			database.AfterCommit(ctx, func(context.Context) { panic("a broken hook") })
			database.AfterCommit(ctx, note("second"))
			database.AfterRollback(ctx, note("never"))
			order = append(order, "work")
			cancel()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := []string{"work", "first", "second"}; !slices.Equal(order, want) {
			t.Errorf("commit: %v, want %v", order, want)
		}
		order = nil
		_ = b.DB.InTx(t.Context(), func(ctx context.Context, _ bun.Tx) error {
			database.AfterCommit(ctx, note("never"))
			database.AfterRollback(ctx, note("earlier"))
			database.AfterRollback(ctx, note("latest"))
			return errors.New("no")
		})
		if want := []string{"latest", "earlier"}; !slices.Equal(order, want) {
			t.Errorf("rollback: %v, want %v", order, want)
		}
		order = nil
		database.AfterCommit(t.Context(), note("at once"))
		database.AfterRollback(t.Context(), note("never"))
		if want := []string{"at once"}; !slices.Equal(order, want) {
			t.Errorf("without a transaction: %v, want %v", order, want)
		}
	})
}

// TestSerializationFailuresRepeat makes two transactions deadlock on PostgreSQL; both must
// succeed, and the hooks of the attempt that was undone must have run before the next.
func TestSerializationFailuresRepeat(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t, things()...)
	for _, id := range []string{"a", "b"} {
		if err := insert(t.Context(), b.DB, id); err != nil {
			t.Fatal(err)
		}
	}
	var mu sync.Mutex
	attempts, undone := 0, 0
	barrier := make(chan struct{})
	arrived := make(chan struct{}, 2)
	go func() {
		<-arrived
		<-arrived
		close(barrier)
	}()
	lock := func(ctx context.Context, tx bun.Tx, id string) error {
		_, err := tx.NewUpdate().Model((*thing)(nil)).Set("n = n + 1").Where("id = ?", id).Exec(ctx)
		return err
	}
	run := func(first, second string) error {
		met := false
		return b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			mu.Lock()
			attempts++
			mu.Unlock()
			database.AfterRollback(ctx, func(context.Context) {
				mu.Lock()
				undone++
				mu.Unlock()
			})
			if err := lock(ctx, tx, first); err != nil {
				return err
			}
			if !met {
				met = true
				arrived <- struct{}{}
				<-barrier
			}
			return lock(ctx, tx, second)
		})
	}
	results := make(chan error, 2)
	go func() { results <- run("a", "b") }()
	go func() { results <- run("b", "a") }()
	for range 2 {
		if err := <-results; err != nil {
			t.Errorf("a transaction failed: %v", err)
		}
	}
	if attempts < 3 || undone != attempts-2 {
		t.Errorf("%d attempts, %d undone", attempts, undone)
	}
	var n []int
	if err := b.DB.Read().NewSelect().Model((*thing)(nil)).Column("n").Scan(t.Context(), &n); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(n, []int{2, 2}) {
		t.Errorf("counted %v, want every update once", n)
	}
}

func TestRepeatingEnds(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t, things()...)
	attempts := 0
	err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		attempts++
		_, err := tx.ExecContext(ctx, "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")
		return err
	})
	if !errors.Is(err, apperr.ErrUnavailable) || attempts != 4 {
		t.Errorf("after %d attempts: %v", attempts, err)
	}
}

// TestManyWriters is the promise that SQLite never says "database is locked".
func TestManyWriters(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		const writers, each = 64, 5
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					if err := insert(t.Context(), b.DB, fmt.Sprintf("%d-%d", w, i)); err != nil {
						t.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		wg.Wait()
		if got := len(names(t, b.DB)); got != writers*each {
			t.Errorf("%d rows, want %d", got, writers*each)
		}
	})
}
