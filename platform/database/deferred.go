package database

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/uptrace/bun"
)

// Deferred is a transaction that begins with the first InTx under its context, is joined
// by the later ones, and commits with Finish. It makes a request's effects and the record
// of its answer one transaction. It is bounded by Settings.Timeout from its beginning.
type Deferred struct {
	db      *DB
	ctx     context.Context // the request's, for a transaction that Finish begins
	onBegin func(ctx context.Context, tx bun.Tx) error

	mu    sync.Mutex
	open  atomic.Pointer[transaction]
	bound *limited
	over  bool
}

type deferredKey struct{}

func deferredOf(ctx context.Context) *Deferred {
	d, _ := ctx.Value(deferredKey{}).(*Deferred)
	return d
}

// detached returns ctx without its cancellation and outside of any Deferred: what runs
// when a transaction is over may begin one of its own.
func detached(ctx context.Context) context.Context {
	ctx = context.WithoutCancel(ctx)
	if deferredOf(ctx) == nil {
		return ctx
	}
	return context.WithValue(ctx, deferredKey{}, (*Deferred)(nil))
}

// Defer returns a context under which InTx does not commit, and the handle that does.
// onBegin runs first in the transaction; its error fails the InTx that began it. Exactly
// one of Finish and Abort must follow, and nothing may use the context after it.
func (d *DB) Defer(ctx context.Context, onBegin func(ctx context.Context, tx bun.Tx) error) (context.Context, *Deferred) {
	def := &Deferred{db: d, onBegin: onBegin}
	def.ctx = context.WithValue(ctx, deferredKey{}, def)
	return def.ctx, def
}

// Begun reports whether a transaction is open. It is not after an InTx that failed,
// because that rolled everything back.
func (d *Deferred) Begun() bool { return d.open.Load() != nil }

// Finish runs fn in the transaction, which it begins if none is open, and commits. fn may
// be nil. Hooks run then.
func (d *Deferred) Finish(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.close()
	if fn == nil {
		fn = func(context.Context, bun.Tx) error { return nil }
	}
	if t, bound := d.open.Swap(nil), d.bound; t != nil {
		if err := t.call(values{Context: bound, from: ctx}, fn); err != nil {
			return d.last(err)
		}
		return d.last(t.commit(bound))
	}
	bound := limit(ctx, d.db.settings.Timeout)
	defer bound.cancel()
	return d.db.repeat(bound, func() error {
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

// Abort rolls back what is open. It does nothing after Finish.
func (d *Deferred) Abort() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.open.Swap(nil); t != nil {
		t.rollback()
	}
	d.close()
}

// join runs fn in the deferred transaction. It reports false when that is over already,
// so that the caller has a transaction of its own.
func (d *Deferred) join(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return false, nil
	}
	if t := d.open.Load(); t != nil {
		return true, d.callOpen(ctx, t, fn)
	}
	bound := limit(ctx, d.db.settings.Timeout)
	err := d.db.repeat(bound, func() error {
		t, err := d.begin(ctx, bound)
		if err != nil {
			return err
		}
		if err := t.call(bound, fn); err != nil {
			return err
		}
		d.bound = bound
		d.open.Store(t)
		return nil
	})
	if err != nil {
		bound.cancel()
	}
	return true, err
}

// callOpen runs fn in the open transaction. It cannot be repeated alone: what ran before
// it is gone with the rollback, and the client is asked to try again.
func (d *Deferred) callOpen(ctx context.Context, t *transaction, fn func(ctx context.Context, tx bun.Tx) error) error {
	done := false
	defer func() {
		if !done { // it failed or panicked, and was rolled back
			d.open.Store(nil)
			d.bound.cancel()
		}
	}()
	err := t.call(values{Context: d.bound, from: ctx}, fn)
	done = err == nil
	return d.last(err)
}

// last translates the error of a transaction that is not repeated.
func (d *Deferred) last(err error) error {
	if retryable(err) {
		return errUnavailable.Wrap(err)
	}
	return Translate(err)
}

// begin opens the transaction and runs onBegin in it.
func (d *Deferred) begin(ctx, bound context.Context) (*transaction, error) {
	t, err := d.db.begin(ctx, bound)
	if err != nil || d.onBegin == nil {
		return t, err
	}
	return t, t.call(bound, d.onBegin)
}

// close ends the handle.
func (d *Deferred) close() {
	d.over = true
	if d.bound != nil {
		d.bound.cancel()
	}
}

// values is the time limit of one context with the values of another.
type values struct {
	context.Context
	from context.Context
}

// Value looks in the caller's context first.
func (v values) Value(key any) any {
	if found := v.from.Value(key); found != nil {
		return found
	}
	return v.Context.Value(key)
}
