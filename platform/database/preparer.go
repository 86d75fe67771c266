package database

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
)

// preparer runs a statement that its connection prepares once and keeps.
type preparer interface {
	exec(ctx context.Context, on driver.Conn, query string, args []driver.NamedValue) (driver.Result, error)
	query(ctx context.Context, on driver.Conn, query string, args []driver.NamedValue) (driver.Rows, error)
	close() error
}

// serverSide is pgx's own statement cache, which the simple protocol of everything else
// leaves alone. It also notices plans that a migration made invalid.
type serverSide struct{}

func (serverSide) close() error { return nil }

func cached(args []driver.NamedValue) []driver.NamedValue {
	all := make([]driver.NamedValue, 0, len(args)+1)
	all = append(all, driver.NamedValue{Ordinal: 1, Value: pgx.QueryExecModeCacheStatement})
	for _, a := range args {
		a.Ordinal++
		all = append(all, a)
	}
	return all
}

func (serverSide) exec(ctx context.Context, on driver.Conn, query string, args []driver.NamedValue) (driver.Result, error) {
	return on.(driver.ExecerContext).ExecContext(ctx, query, cached(args))
}

func (serverSide) query(ctx context.Context, on driver.Conn, query string, args []driver.NamedValue) (driver.Rows, error) {
	return on.(driver.QueryerContext).QueryContext(ctx, query, cached(args))
}

// clientSide keeps SQLite's compiled statements, which die with their connection. SQLite
// compiles them again by itself when the schema changes.
type clientSide map[string]driver.Stmt

func (c clientSide) close() error {
	var errs []error
	for query, s := range c {
		errs = append(errs, s.Close())
		delete(c, query)
	}
	return errors.Join(errs...)
}

func (c clientSide) get(ctx context.Context, on driver.Conn, query string) (driver.Stmt, error) {
	if s, ok := c[query]; ok {
		return s, nil
	}
	s, err := on.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	c[query] = s
	return s, nil
}

func (c clientSide) exec(ctx context.Context, on driver.Conn, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.get(ctx, on, query)
	if err != nil {
		return nil, err
	}
	return s.(driver.StmtExecContext).ExecContext(ctx, args)
}

func (c clientSide) query(ctx context.Context, on driver.Conn, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.get(ctx, on, query)
	if err != nil {
		return nil, err
	}
	return s.(driver.StmtQueryContext).QueryContext(ctx, args)
}
