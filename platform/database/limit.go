package database

import (
	"context"
	"errors"
	"time"
)

// limited is a context that ends after the package's own time limit, and says then that
// the database is unavailable. A client's disconnect does not end it.
type limited struct {
	context.Context
	cancel context.CancelFunc
}

// limit returns a context with ctx's values that ends after d and not with ctx.
func limit(ctx context.Context, d time.Duration) *limited {
	inner, cancel := context.WithTimeout(context.WithoutCancel(ctx), d)
	return &limited{Context: inner, cancel: cancel}
}

// Err returns apperr.ErrUnavailable once the time is over. database/sql hands this error
// to whoever still waits for a connection of a pool that a frozen server has drained.
func (l *limited) Err() error {
	err := l.Context.Err()
	if errors.Is(err, context.DeadlineExceeded) {
		return errTimedOut
	}
	return err
}
