package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	sqlite "modernc.org/sqlite"
)

// openSQLite makes the two handles: one connection that writes, and a pool that cannot.
func (d *DB) openSQLite() error {
	writer, err := d.sqliteOpen(url.Values{
		"_txlock":       {"immediate"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
	})
	if err != nil {
		return err
	}
	writer.SetMaxOpenConns(1)
	writer.SetMaxIdleConns(1)
	reader, err := d.sqliteOpen(url.Values{"_query_only": {"1"}})
	if err != nil {
		return err
	}
	reader.SetMaxOpenConns(d.settings.MaxConns)
	reader.SetMaxIdleConns(d.settings.MaxConns)
	reader.SetConnMaxIdleTime(time.Minute)
	d.writer = bun.NewDB(writer, sqlitedialect.New(), bun.WithDiscardUnknownColumns())
	d.read = bun.NewDB(reader, sqlitedialect.New(), bun.WithDiscardUnknownColumns())
	return nil
}

// sqliteOpen returns a handle on the file with the options that both share: times in one
// form and in UTC, foreign keys checked, and double quotes meaning names only.
func (d *DB) sqliteOpen(options url.Values) (*sql.DB, error) {
	options.Set("_busy_timeout", fmt.Sprint(d.settings.Timeout.Milliseconds()))
	options.Set("_foreign_keys", "1")
	options.Set("_time_format", "sqlite")
	options.Set("_timezone", "UTC")
	options.Set("_dqs", "0")
	path, err := filepath.Abs(d.path)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	dsn := url.URL{Scheme: "file", Path: filepath.ToSlash(path), OmitHost: true, RawQuery: options.Encode()}
	inner, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return sql.OpenDB(connector{Connector: inner, observe: d.settings.StatementObserver, dialect: SQLite}), nil
}

// startSQLite creates what is missing, takes the lock and opens the writer.
func (d *DB) startSQLite(ctx context.Context) error {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return fmt.Errorf("database: create the folder of %s: %w", d.path, err)
	}
	if d.settings.Exclusive {
		lock, err := lockFile(d.path + ".lock")
		if err != nil {
			if errors.Is(err, errLocked) {
				return fmt.Errorf("database: another authy2 already serves %s: %w; stop it, or use PostgreSQL to run several", d.path, err)
			}
			return fmt.Errorf("database: lock %s: %w", d.path, err)
		}
		d.mu.Lock()
		d.lock = lock
		d.mu.Unlock()
	}
	if err := createPrivate(d.path); err != nil {
		return fmt.Errorf("database: create %s: %w", d.path, err)
	}
	if err := d.writer.DB.PingContext(ctx); err != nil {
		return fmt.Errorf("database: open %s: %w", d.path, err)
	}
	return d.Ping(ctx)
}

// createPrivate makes the file readable by its owner alone. SQLite gives the files beside
// it the same permissions.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}
