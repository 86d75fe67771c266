package database

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
)

// Stmt is a statement that is prepared once per connection, when that connection first
// runs it. It is safe for concurrent use, needs no closing, and holds nothing.
type Stmt struct {
	db    *DB
	query string
}

// preparedKey marks the context of a statement that its connection prepares and keeps.
type preparedKey struct{}

// Prepare returns a statement with '?' for each argument, in their order. The text is a
// constant of the program: every connection keeps what it has prepared. It does no I/O.
func (d *DB) Prepare(query string) *Stmt {
	if d.dialect == PostgreSQL {
		query = numbered(query)
	}
	return &Stmt{db: d, query: query}
}

// numbered rewrites '?' to $1, $2 … outside of quotes.
func numbered(query string) string {
	var b strings.Builder
	b.Grow(len(query) + 16)
	var quote byte
	n := 0
	for i := range len(query) {
		c := query[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '?':
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// QueryRow reads one row through the read pool. The row must be scanned.
func (s *Stmt) QueryRow(ctx context.Context, args ...any) Row {
	bound, err := s.outside(ctx)
	if err != nil {
		return Row{err: err}
	}
	return Row{row: s.db.read.DB.QueryRowContext(prepared(bound), s.query, args...), cancel: bound.cancel}
}

// Query reads rows through the read pool and calls each for every one of them; each reads
// the row with scan.
func (s *Stmt) Query(ctx context.Context, each func(scan func(dest ...any) error) error, args ...any) error {
	bound, err := s.outside(ctx)
	if err != nil {
		return err
	}
	defer bound.cancel()
	return drain(s.db.read.DB.QueryContext(prepared(bound), s.query, args...))(each)
}

// Exec runs a writing statement outside a transaction. On PostgreSQL it commits at once.
func (s *Stmt) Exec(ctx context.Context, args ...any) (sql.Result, error) {
	bound, err := s.outside(ctx)
	if err != nil {
		return nil, err
	}
	defer bound.cancel()
	result, err := s.db.writer.DB.ExecContext(prepared(bound), s.query, args...)
	return result, Translate(err)
}

// outside returns the time limit for one use of the pool.
func (s *Stmt) outside(ctx context.Context) (*limited, error) {
	if s.db.settings.Strict {
		s.db.refuseInside(ctx, s.query)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return limit(ctx, s.db.settings.Timeout), nil
}

func prepared(ctx context.Context) context.Context {
	return context.WithValue(ctx, preparedKey{}, true)
}

// In returns the statement for use in tx.
func (s *Stmt) In(tx bun.Tx) TxStmt { return TxStmt{query: s.query, tx: tx.Tx} }

// Runner runs a prepared statement: through the read pool, or inside a transaction.
type Runner interface {
	// QueryRow reads one row, which must be scanned.
	QueryRow(ctx context.Context, args ...any) Row
	// Query calls each for every row; each reads the row with scan and runs no statement.
	Query(ctx context.Context, each func(scan func(dest ...any) error) error, args ...any) error
	// Exec runs a writing statement.
	Exec(ctx context.Context, args ...any) (sql.Result, error)
}

var (
	_ Runner = (*Stmt)(nil)
	_ Runner = TxStmt{}
)

// On returns the statement for use through on: inside it when it is a transaction, through
// the pool when it is anything else.
func (s *Stmt) On(on bun.IDB) Runner {
	switch tx := on.(type) {
	case bun.Tx:
		return s.In(tx)
	case *bun.Tx:
		return s.In(*tx)
	default:
		return s
	}
}

// TxStmt is a prepared statement inside a transaction.
type TxStmt struct {
	query string
	tx    *sql.Tx
}

// QueryRow reads one row.
func (s TxStmt) QueryRow(ctx context.Context, args ...any) Row {
	return Row{row: s.tx.QueryRowContext(prepared(ctx), s.query, args...)}
}

// Query calls each for every row; each reads the row with scan and runs no statement.
func (s TxStmt) Query(ctx context.Context, each func(scan func(dest ...any) error) error, args ...any) error {
	return drain(s.tx.QueryContext(prepared(ctx), s.query, args...))(each)
}

// Exec runs the statement.
func (s TxStmt) Exec(ctx context.Context, args ...any) (sql.Result, error) {
	result, err := s.tx.ExecContext(prepared(ctx), s.query, args...)
	return result, Translate(err)
}

// Row is the answer of QueryRow.
type Row struct {
	row    *sql.Row
	err    error
	cancel context.CancelFunc
}

// Scan reads the row. It returns sql.ErrNoRows when there is none.
func (r Row) Scan(dest ...any) error {
	if r.cancel != nil {
		defer r.cancel()
	}
	if r.err != nil {
		return r.err
	}
	return Translate(r.row.Scan(dest...))
}

// drain returns a function that calls each for every row and closes the rows.
func drain(rows *sql.Rows, err error) func(each func(scan func(dest ...any) error) error) error {
	return func(each func(scan func(dest ...any) error) error) error {
		if err != nil {
			return Translate(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := each(rows.Scan); err != nil {
				return err
			}
		}
		return Translate(rows.Err())
	}
}
