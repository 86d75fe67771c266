package database

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"
)

// observer is told of every statement.
type observer func(ctx context.Context, sql string)

// connector wraps a driver so that every connection translates its errors, brings times
// to one form and reports its statements. It is the one place that sees everything:
// bun, prepared statements and the job queue alike.
type connector struct {
	driver.Connector
	observe observer
	dialect Dialect
}

// Connect opens a connection of the driver underneath.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	inner, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, Translate(err)
	}
	wrapped := &conn{Conn: inner, observe: c.observe, prepared: serverSide{}}
	if c.dialect == SQLite {
		wrapped.prepared = clientSide{}
	}
	return wrapped, nil
}

// conn is a connection of either driver. Both implement every interface asserted here;
// a test holds them to it.
type conn struct {
	driver.Conn
	observe  observer
	prepared preparer
	reused   bool
}

var (
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
	_ driver.NamedValueChecker  = (*conn)(nil)
)

// translate translates an error of the driver. A connection that broke while it was idle
// is left to database/sql, which tries another; a new one that breaks is an outage.
func (c *conn) translate(err error) error {
	if err == driver.ErrBadConn && c.reused { //nolint:errorlint // database/sql compares it bare
		return err
	}
	return Translate(err)
}

func (c *conn) seen(ctx context.Context, query string) {
	if c.observe != nil {
		c.observe(ctx, query)
	}
}

// BeginTx begins a transaction.
func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	inner, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
	if err != nil {
		return nil, c.translate(err)
	}
	return inner, nil
}

// PrepareContext prepares a statement on the server.
func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	inner, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	return inner, c.translate(err)
}

// ExecContext runs a statement without rows.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.seen(ctx, query)
	if ctx.Value(preparedKey{}) != nil {
		result, err := c.prepared.exec(ctx, c.Conn, query, args)
		return result, c.translate(err)
	}
	result, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	return result, c.translate(err)
}

// QueryContext runs a statement with rows.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.seen(ctx, query)
	var inner driver.Rows
	var err error
	if ctx.Value(preparedKey{}) != nil {
		inner, err = c.prepared.query(ctx, c.Conn, query, args)
	} else {
		inner, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	}
	if err != nil {
		return nil, c.translate(err)
	}
	return &rows{Rows: inner}, nil
}

// Ping asks whether the database answers.
func (c *conn) Ping(ctx context.Context) error {
	return c.translate(c.Conn.(driver.Pinger).Ping(ctx))
}

// ResetSession refuses a connection that died or was left inside a transaction.
func (c *conn) ResetSession(ctx context.Context) error {
	c.reused = true
	return c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

// IsValid reports whether the connection may go back to the pool.
func (c *conn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !ok || v.IsValid()
}

// CheckNamedValue brings times to UTC and microseconds, and leaves the rest to the driver.
func (c *conn) CheckNamedValue(v *driver.NamedValue) error {
	switch t := v.Value.(type) {
	case time.Time:
		v.Value = Canonical(t)
	case *time.Time:
		if t == nil {
			v.Value = nil
			break
		}
		v.Value = Canonical(*t)
	}
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// Unwrap returns the connection of the driver underneath.
func (c *conn) Unwrap() driver.Conn { return c.Conn }

// Close closes the connection and what it has prepared.
func (c *conn) Close() error {
	return errors.Join(c.prepared.close(), c.Conn.Close())
}
