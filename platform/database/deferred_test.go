package database_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/platformtest"
)

func TestDeferredCommitsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		var order []string
		ctx, deferred := b.DB.Defer(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			order = append(order, "begin")
			_, err := tx.NewInsert().Model(&thing{ID: "claim", Name: "claim"}).Exec(ctx)
			return err
		})
		if deferred.Begun() || database.InTransaction(ctx) {
			t.Error("begun before anything happened")
		}
		for _, id := range []string{"a", "b"} {
			err := b.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				database.AfterCommit(ctx, func(context.Context) { order = append(order, "committed "+id) })
				_, err := tx.NewInsert().Model(&thing{ID: id, Name: id}).Exec(ctx)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			order = append(order, "did "+id)
		}
		if !deferred.Begun() || !database.InTransaction(ctx) {
			t.Error("not begun after a transaction")
		}
		database.AfterCommit(ctx, func(context.Context) { order = append(order, "committed outside") })
		if got := names(t, b.DB); len(got) != 0 {
			t.Errorf("seen before the end: %v", got)
		}
		err := deferred.Finish(ctx, func(ctx context.Context, tx bun.Tx) error {
			order = append(order, "finish")
			_, err := tx.NewUpdate().Model((*thing)(nil)).Set("n = 7").Where("id = 'claim'").Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, b.DB); !slices.Equal(got, []string{"a", "b", "claim"}) {
			t.Errorf("there are %v", got)
		}
		want := []string{"begin", "did a", "did b", "finish", "committed a", "committed b", "committed outside"}
		if !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
		if err := insert(ctx, b.DB, "later"); err != nil || database.InTransaction(ctx) {
			t.Errorf("after the end a transaction is ordinary: %v", err)
		}
	})
}

func TestDeferredStartsOverAfterAFailure(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		begun, undone := 0, 0
		ctx, deferred := b.DB.Defer(t.Context(), func(context.Context, bun.Tx) error {
			begun++
			return nil
		})
		refusal := errors.New("refused")
		do := func(id string, err error) error {
			return b.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
				database.AfterRollback(ctx, func(context.Context) { undone++ })
				if _, failed := tx.NewInsert().Model(&thing{ID: id, Name: id}).Exec(ctx); failed != nil {
					return failed
				}
				return err
			})
		}
		if err := do("a", nil); err != nil {
			t.Fatal(err)
		}
		if err := do("b", refusal); !errors.Is(err, refusal) {
			t.Errorf("InTx = %v", err)
		}
		if deferred.Begun() || undone != 2 {
			t.Errorf("a failure rolls everything back: begun %v, %d undone", deferred.Begun(), undone)
		}
		if err := do("refusal", nil); err != nil {
			t.Fatal(err)
		}
		if err := deferred.Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if got := names(t, b.DB); !slices.Equal(got, []string{"refusal"}) || begun != 2 {
			t.Errorf("there are %v, begun %d times", got, begun)
		}
	})
}

func TestDeferredAborts(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		ctx, deferred := b.DB.Defer(t.Context(), nil)
		if err := insert(ctx, b.DB, "a"); err != nil {
			t.Fatal(err)
		}
		deferred.Abort()
		deferred.Abort()
		if got := names(t, b.DB); len(got) != 0 || deferred.Begun() {
			t.Errorf("there are %v", got)
		}
	})
}

func TestDeferredFinishesAlone(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		begun := 0
		ctx, deferred := b.DB.Defer(t.Context(), func(context.Context, bun.Tx) error {
			begun++
			return nil
		})
		err := deferred.Finish(ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewInsert().Model(&thing{ID: "a", Name: "a"}).Exec(ctx)
			return err
		})
		if got := names(t, b.DB); err != nil || begun != 1 || len(got) != 1 {
			t.Errorf("Finish = %v; begun %d times; there are %v", err, begun, got)
		}
	})
}

func TestDeferredBeginFails(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		taken := apperr.ErrIdempotencyConflict
		ctx, deferred := b.DB.Defer(t.Context(), func(context.Context, bun.Tx) error { return taken })
		err := insert(ctx, b.DB, "a")
		if !errors.Is(err, taken) || deferred.Begun() {
			t.Errorf("InTx = %v, begun %v", err, deferred.Begun())
		}
		deferred.Abort()
		if got := names(t, b.DB); len(got) != 0 {
			t.Errorf("there are %v", got)
		}
	})
}

// TestHooksMayWrite has hooks of every end of a transaction write on their own.
func TestHooksMayWrite(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		write := func(id string) func(context.Context) {
			return func(ctx context.Context) {
				if err := insert(ctx, b.DB, id); err != nil {
					t.Errorf("%s: %v", id, err)
				}
				if _, err := b.DB.Read().NewSelect().Model((*thing)(nil)).Count(ctx); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
		}
		in := func(ctx context.Context, id string, err error) {
			_ = b.DB.InTx(ctx, func(ctx context.Context, _ bun.Tx) error {
				database.AfterCommit(ctx, write(id+" committed"))
				database.AfterRollback(ctx, write(id+" rolled back"))
				return err
			})
		}
		in(t.Context(), "plain", nil)
		in(t.Context(), "failed", errors.New("no"))
		ctx, deferred := b.DB.Defer(t.Context(), nil)
		in(ctx, "deferred failed", errors.New("no"))
		in(ctx, "deferred", nil)
		if err := deferred.Finish(ctx, nil); err != nil {
			t.Fatal(err)
		}
		ctx, deferred = b.DB.Defer(t.Context(), nil)
		in(ctx, "aborted", nil)
		deferred.Abort()
		want := []string{"aborted rolled back", "deferred committed", "deferred failed rolled back", "failed rolled back", "plain committed"}
		if got := names(t, b.DB); !slices.Equal(got, want) {
			t.Errorf("wrote %q, want %q", got, want)
		}
	})
}

func TestPoolReadsUnderAnOpenDeferredPanicWhenStrict(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		ctx, deferred := b.DB.Defer(t.Context(), nil)
		defer deferred.Abort()
		read := func() (panicked bool) {
			defer func() { panicked = recover() != nil }()
			_, _ = b.DB.Read().NewSelect().Model((*thing)(nil)).Count(ctx)
			return false
		}
		if read() {
			t.Error("a read before the transaction panics")
		}
		if err := insert(ctx, b.DB, "a"); err != nil {
			t.Fatal(err)
		}
		if !read() {
			t.Error("a read that cannot see what the request has written does not panic")
		}
	})
}
