package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/uptrace/bun"
)

// DB is the database. It is safe for concurrent use.
type DB struct {
	settings Settings
	dialect  Dialect
	log      *slog.Logger
	path     string // SQLite's file

	read   *bun.DB // guarded: bounded, and strict in tests
	writer *bun.DB

	mu      sync.Mutex
	pool    *pgxpool.Pool
	lock    *fileLock
	stopped bool
}

// Open returns the database that the settings name. It does no I/O; the error is about
// the settings.
func Open(s Settings, log *slog.Logger) (*DB, error) {
	s = s.withDefaults()
	dialect, path, err := parseURL(s.URL.Reveal())
	if err != nil {
		return nil, err
	}
	d := &DB{settings: s, dialect: dialect, path: path, log: log}
	if dialect == SQLite {
		err = d.openSQLite()
	} else {
		err = d.openPostgres()
	}
	if err != nil {
		return nil, err
	}
	d.read = d.read.WithQueryHook(guard{d})
	return d, nil
}

// Start connects and checks that the database can be used. On SQLite it creates the file
// and its folder when they are missing.
func (d *DB) Start(ctx context.Context) error {
	if d.dialect == SQLite {
		return d.startSQLite(ctx)
	}
	return d.startPostgres(ctx)
}

// Stop closes every connection. It may be called twice, and without Start.
func (d *DB) Stop(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopped {
		return nil
	}
	d.stopped = true
	if d.pool != nil {
		d.pool.Close()
	}
	errs := []error{d.read.DB.Close()}
	if d.writer.DB != d.read.DB {
		errs = append(errs, d.writer.DB.Close())
	}
	if d.lock != nil {
		errs = append(errs, d.lock.release())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("database: stop: %w", err)
	}
	return nil
}

// Ping asks whether the database answers, within the time limit of a read.
func (d *DB) Ping(ctx context.Context) error {
	bound := limit(ctx, d.settings.Timeout)
	defer bound.cancel()
	if d.dialect == SQLite {
		// A handle to a file always answers; a read does not when the file is broken.
		_, err := d.read.DB.ExecContext(bound, "SELECT count(*) FROM sqlite_schema") //nolint:contextcheck // ctx's values under our own limit
		return Translate(err)
	}
	return Translate(d.read.DB.PingContext(bound)) //nolint:contextcheck // ctx's values under our own limit
}

// Dialect returns which database this is.
func (d *DB) Dialect() Dialect { return d.dialect }

// Read returns the handle for reads outside transactions. Queries on it are bounded by
// the time limit. On SQLite it refuses to write.
func (d *DB) Read() *bun.DB { return d.read }

// Writer returns the handle that the job queue and the migrations share: on SQLite the
// one writing connection, on PostgreSQL the pool. Everything else writes with InTx.
func (d *DB) Writer() *bun.DB {
	if d.dialect == SQLite {
		return d.writer
	}
	return d.read
}

// Pool returns a small pool of pgx connections for what needs LISTEN: the job queue and
// the invalidation log. It is nil on SQLite and before Start. Its errors are not
// translated: see [Translate].
func (d *DB) Pool() *pgxpool.Pool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.pool
}
