package database

import (
	"context"
	"time"

	"github.com/authy2/backend/platform/secret"
)

// Settings say which database to open and how. Only URL is required.
type Settings struct {
	// URL is postgres://… or sqlite:<path>.
	URL secret.String
	// MaxConns is how many connections the pool may hold; zero means 20. As many stay
	// open when idle. On SQLite it is the number of read handles, beside the one writer.
	MaxConns int
	// Timeout bounds a read and a write transaction, waiting for a connection included;
	// zero means 4.5 s, so that a frozen database is an answer within five.
	Timeout time.Duration
	// ConnectTimeout bounds one attempt to connect; zero means 3 s.
	ConnectTimeout time.Duration
	// Exclusive takes the lock of a SQLite file at Start and refuses a second holder.
	// The server sets it; commands that may run beside a server do not. It means
	// nothing on PostgreSQL.
	Exclusive bool
	// Strict makes a transaction inside a transaction and a pool read inside one panic.
	// Tests set it.
	Strict bool
	// StatementObserver, when set, is called with the text of every statement before it
	// runs. BEGIN, COMMIT and ROLLBACK are not statements. Tests count with it.
	StatementObserver func(ctx context.Context, sql string)
}

// withDefaults fills in what is left out.
func (s Settings) withDefaults() Settings {
	if s.MaxConns <= 0 {
		s.MaxConns = 20
	}
	if s.Timeout <= 0 {
		s.Timeout = 4500 * time.Millisecond
	}
	if s.ConnectTimeout <= 0 {
		s.ConnectTimeout = 3 * time.Second
	}
	return s
}
