package database

import (
	"context"
	"fmt"
	"runtime/debug"
)

// hooks are what a transaction runs when its fate is known.
type hooks struct {
	commit, rollback []func(ctx context.Context)
}

// AfterCommit has fn run once, after the transaction that ctx belongs to is committed, in
// the order of registration; with a [Deferred] that is when it finishes. fn gets a
// context without the transaction, which a client's disconnect does not cancel. A
// rollback drops fn. Without a transaction fn runs at once.
func AfterCommit(ctx context.Context, fn func(ctx context.Context)) {
	if t := transactionOf(ctx); t != nil {
		t.hooks.commit = append(t.hooks.commit, fn)
		return
	}
	fn(ctx)
}

// AfterRollback has fn run once if the transaction that ctx belongs to is rolled back, the
// latest registered first. When the database asks to repeat the transaction, the hooks of
// the failed attempt run before the next one. Without a transaction fn never runs.
func AfterRollback(ctx context.Context, fn func(ctx context.Context)) {
	if t := transactionOf(ctx); t != nil {
		t.hooks.rollback = append(t.hooks.rollback, fn)
	}
}

// run calls the hooks, each of them even if another panics.
func (d *DB) run(ctx context.Context, fns []func(ctx context.Context)) {
	for _, fn := range fns {
		d.runOne(ctx, fn)
	}
}

func (d *DB) runOne(ctx context.Context, fn func(ctx context.Context)) {
	defer func() {
		if p := recover(); p != nil {
			d.log.ErrorContext(ctx, "a transaction hook panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	fn(ctx)
}
