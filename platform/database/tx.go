package database

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// maxAttempts is how often a transaction runs when the database asks to repeat it.
const maxAttempts = 4

// errNested is what InTx inside InTx answers where it does not panic.
var errNested = errors.New("database: a transaction inside a transaction")

// transaction is an open transaction. It belongs to one goroutine.
type transaction struct {
	db     *DB
	tx     bun.Tx
	outer  context.Context // what hooks run on, once the transaction is over
	inside bool            // a function runs in it right now
	hooks  hooks
}

type transactionKey struct{}

// transactionOf returns the open transaction that ctx belongs to, or nil.
func transactionOf(ctx context.Context) *transaction {
	if t, _ := ctx.Value(transactionKey{}).(*transaction); t != nil && t.inside {
		return t
	}
	if d := deferredOf(ctx); d != nil {
		return d.open.Load()
	}
	return nil
}

// openTransaction returns the open transaction of this database that ctx belongs to.
func (d *DB) openTransaction(ctx context.Context) *transaction {
	if t := transactionOf(ctx); t != nil && t.db == d {
		return t
	}
	return nil
}

// InTransaction reports whether ctx belongs to an open transaction.
func InTransaction(ctx context.Context) bool { return transactionOf(ctx) != nil }

// InTx runs fn in a write transaction and commits it when fn returns nil.
//
// It runs on a context with ctx's values that is not cancelled with ctx and is bounded by
// [Settings.Timeout]; fn gets that context. When the database asks for it, everything is
// rolled back and fn runs again, at most three times more, so fn changes nothing outside
// the transaction except through [AfterCommit] and [AfterRollback]. Outages are
// apperr.ErrUnavailable; a lost answer to COMMIT is [CommitUnknown]. Under a [Deferred]
// the transaction is joined and stays open.
func (d *DB) InTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	if t, _ := ctx.Value(transactionKey{}).(*transaction); t != nil && t.inside {
		if d.settings.Strict {
			panic(errNested.Error())
		}
		return errNested
	}
	if def := deferredOf(ctx); def != nil && def.db == d {
		if joined, err := def.join(ctx, fn); joined {
			return err
		}
	}
	bound := limit(ctx, d.settings.Timeout)
	defer bound.cancel()
	return d.repeat(bound, func() error {
		t, err := d.begin(ctx, bound)
		if err != nil {
			return err
		}
		if err := t.call(bound, fn); err != nil {
			return err
		}
		return t.commit(bound)
	})
}

// repeat runs attempt until it succeeds, fails for good, or the time is over.
func (d *DB) repeat(bound context.Context, attempt func() error) error {
	for n := 1; ; n++ {
		err := attempt()
		if err == nil || !retryable(err) {
			return Translate(err)
		}
		if n == maxAttempts || bound.Err() != nil || !pause(bound, n) {
			return errUnavailable.Wrap(err)
		}
	}
}

// pause waits before the attempt after the nth, longer each time and never equally long,
// and reports whether there is time left.
func pause(ctx context.Context, n int) bool {
	var spread [1]byte
	_, _ = rand.Read(spread[:]) // never fails (crypto/rand, Go 1.24)
	wait := time.NewTimer(time.Duration(n) * (5*time.Millisecond + time.Duration(spread[0])*100*time.Microsecond))
	defer wait.Stop()
	select {
	case <-wait.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// begin opens a transaction on bound. Hooks will run on what is left of ctx.
func (d *DB) begin(ctx, bound context.Context) (*transaction, error) {
	tx, err := d.writer.BeginTx(bound, nil)
	if err != nil {
		return nil, Translate(err)
	}
	return &transaction{db: d, tx: tx, outer: detached(ctx)}, nil
}

// call runs fn inside t, and rolls t back when fn fails or panics.
func (t *transaction) call(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	t.inside = true
	done := false
	defer func() {
		t.inside = false
		if !done {
			t.rollback()
		}
	}()
	if err := fn(context.WithValue(ctx, transactionKey{}, t), t.tx); err != nil {
		return err
	}
	done = true
	return nil
}

// commit commits t and runs its hooks, or says that the outcome is unknown.
func (t *transaction) commit(ctx context.Context) error {
	if ctx.Err() != nil {
		t.rollback()
		return errTimedOut
	}
	err := t.tx.Commit()
	switch {
	case err == nil:
		t.db.run(t.outer, t.hooks.commit)
		return nil
	case rolledBack(err):
		t.ended()
		return fmt.Errorf("database: commit: %w", Translate(err))
	default:
		return &CommitUnknown{cause: err}
	}
}

// rollback undoes t. The server does it as well when it cannot be reached.
func (t *transaction) rollback() {
	if err := t.tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		t.db.log.DebugContext(t.outer, "rollback", "err", err)
	}
	t.ended()
}

// ended runs the hooks of a transaction that did not happen.
func (t *transaction) ended() {
	undo := slices.Clone(t.hooks.rollback)
	slices.Reverse(undo)
	t.hooks = hooks{}
	t.db.run(t.outer, undo)
}

// rolledBack reports whether a failed COMMIT certainly committed nothing. A server that
// answers with an error has rolled back, unless it was being shut down.
func rolledBack(err error) bool {
	if errors.Is(err, pgx.ErrTxCommitRollback) || errors.Is(err, sql.ErrTxDone) || pgconn.SafeToRetry(err) {
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Severity == "ERROR"
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()&0xff != sqlite3.SQLITE_IOERR
	}
	return false
}
