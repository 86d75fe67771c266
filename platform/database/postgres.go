package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

const (
	oldestPostgres = 140000  // server_version_num
	listeners      = 8       // connections of Pool
	patient        = "30000" // milliseconds a statement of the job queue's housekeeping may take
	maxLifetime    = time.Hour
)

// pgConfig returns the connection settings that both pools share. sslmode and the rest
// of the URL are pgx's to read: verify-full verifies.
func (d *DB) pgConfig() (*pgx.ConnConfig, error) {
	c, err := pgx.ParseConfig(d.settings.URL.Reveal())
	if err != nil {
		return nil, errors.New("database: the PostgreSQL URL cannot be read; expected postgres://user:password@host:5432/name?sslmode=verify-full")
	}
	c.ConnectTimeout = d.settings.ConnectTimeout
	d.pgDefaults(c)
	return c, nil
}

// pgDefaults sets the server's settings for our connections, unless the URL does.
func (d *DB) pgDefaults(c *pgx.ConnConfig) {
	for name, value := range map[string]string{
		"application_name":                    "authy2",
		"timezone":                            "UTC",
		"standard_conforming_strings":         "on",
		"statement_timeout":                   fmt.Sprint(d.settings.Timeout.Milliseconds()),
		"lock_timeout":                        fmt.Sprint(d.settings.Timeout.Milliseconds() * 4 / 5),
		"idle_in_transaction_session_timeout": fmt.Sprint(2 * d.settings.Timeout.Milliseconds()),
	} {
		if _, ok := c.RuntimeParams[name]; !ok {
			c.RuntimeParams[name] = value
		}
	}
}

// openPostgres makes the pool. bun writes arguments into its text, so ad-hoc statements
// go by the simple protocol in one round trip; Stmt chooses pgx's statement cache.
func (d *DB) openPostgres() error {
	config, err := d.pgConfig()
	if err != nil {
		return err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	config.StatementCacheCapacity = 512
	config.DescriptionCacheCapacity = 0
	pool := d.pgOpen(config)
	pool.SetMaxOpenConns(d.settings.MaxConns)
	pool.SetMaxIdleConns(d.settings.MaxConns)
	pool.SetConnMaxLifetime(maxLifetime)
	d.writer = bun.NewDB(pool, pgdialect.New(), bun.WithDiscardUnknownColumns())
	d.read = d.writer
	return nil
}

// pgOpen returns a pool of wrapped connections. pgx pings a connection that was idle for
// over a second before it is used again, so that a restarted server costs no request.
func (d *DB) pgOpen(config *pgx.ConnConfig) *sql.DB {
	return sql.OpenDB(connector{
		Connector: stdlib.GetConnector(*config), observe: d.settings.StatementObserver, dialect: PostgreSQL,
	})
}

// startPostgres connects, checks the server's version and opens the pool for LISTEN. A
// server that is just starting is waited for.
func (d *DB) startPostgres(ctx context.Context) error {
	version, err := d.pgVersion(ctx)
	if err != nil {
		return fmt.Errorf("database: cannot use PostgreSQL: %w. Check that it runs and that DATABASE_URL (or POSTGRES_HOST, POSTGRES_PORT, POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD) is right", err)
	}
	if version < oldestPostgres {
		return fmt.Errorf("database: PostgreSQL %d is too old; 14 or later is needed", version/10000)
	}
	config, err := pgxpool.ParseConfig(d.settings.URL.Reveal())
	if err != nil {
		return errors.New("database: the PostgreSQL URL cannot be read")
	}
	config.ConnConfig.ConnectTimeout = d.settings.ConnectTimeout
	config.ConnConfig.RuntimeParams["statement_timeout"] = patient
	d.pgDefaults(config.ConnConfig)
	config.MaxConns = listeners
	config.MinConns = 0
	config.MaxConnLifetime = maxLifetime
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return fmt.Errorf("database: open the pool: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pool = pool
	return nil
}

// pgVersion asks for the server's version, for up to the time of a few attempts.
func (d *DB) pgVersion(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*d.settings.Timeout)
	defer cancel()
	for n := 1; ; n++ {
		var version int
		err := d.writer.DB.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version)
		if err == nil || n == 10 || !pause(ctx, 20*n) {
			return version, err
		}
	}
}
