package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/authy2/backend/platform/apperr"
)

// retryAfter is what clients are asked to wait when the database is away.
const retryAfter = time.Second

// errUnavailable is what every outage is answered with.
var errUnavailable = apperr.ErrUnavailable.WithRetryAfter(retryAfter)

// errTimedOut is the outage of a database that does not answer in time.
var errTimedOut = errUnavailable.Wrap(context.DeadlineExceeded)

// CommitUnknown is the error of a transaction whose COMMIT was sent and whose answer was
// lost: it may have happened. It wraps apperr.ErrUnavailable. A caller that must know
// looks for the record by the id that it minted beforehand. Neither AfterCommit nor
// AfterRollback hooks have run.
type CommitUnknown struct{ cause error }

// Error says that the outcome is unknown, and why.
func (e *CommitUnknown) Error() string {
	return "database: it is unknown whether the transaction was committed: " + e.cause.Error()
}

// Unwrap returns apperr.ErrUnavailable with the driver's error in it.
func (e *CommitUnknown) Unwrap() error { return errUnavailable.Wrap(e.cause) }

// IsNotFound reports whether err says that there is no such row.
func IsNotFound(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// IsUnique reports whether err is a violation of a unique constraint or unique index.
// constraint names it; empty matches any. SQLite does not tell the name of the index, only
// its columns, so there the name matches when it is the table's name, an underscore, the
// columns joined by underscores, and any of the suffixes _key, _idx and _unique or none:
// identity_users_email_key for identity_users.email. The primary key is <table>_pkey.
// Constraints are named that way.
func IsUnique(err error, constraint string) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "23505" && (constraint == "" || pg.ConstraintName == constraint)
	}
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	primary := false
	switch lite.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE:
	case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		primary = true
	default:
		return false
	}
	return constraint == "" || slices.Contains(sqliteNames(lite.Error(), primary), constraint)
}

// sqliteNames returns the names that a violated constraint may have, from SQLite's message
// "UNIQUE constraint failed: table.column, table.column" or, for an index on an
// expression, "UNIQUE constraint failed: index 'name'".
func sqliteNames(message string, primary bool) []string {
	const marker = "constraint failed: "
	i := strings.LastIndex(message, marker)
	if i < 0 {
		return nil
	}
	rest := message[i+len(marker):]
	if i := strings.LastIndex(rest, " ("); i >= 0 {
		rest = rest[:i] // the code at the end
	}
	if name, ok := strings.CutPrefix(rest, "index '"); ok {
		return []string{strings.TrimSuffix(name, "'")}
	}
	var base string
	for column := range strings.SplitSeq(rest, ", ") {
		table, name, ok := strings.Cut(column, ".")
		if !ok {
			return nil
		}
		if base == "" {
			base = table
		}
		base += "_" + name
	}
	if primary {
		table, _, _ := strings.Cut(rest, ".")
		return []string{table + "_pkey"}
	}
	return []string{base, base + "_key", base + "_idx", base + "_unique"}
}

// retryable reports whether the database asks to run the transaction again.
func retryable(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		code := lite.Code() & 0xff
		return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
	}
	return false
}

// Translate turns the driver errors that mean an outage into apperr.ErrUnavailable and
// returns any other error as it is. Everything that runs through this package is
// translated already; it is exported for what uses [DB.Pool] directly.
func Translate(err error) error {
	if err == nil || err == driver.ErrSkip || err == io.EOF || //nolint:errorlint // database/sql compares these bare
		errors.Is(err, sql.ErrNoRows) || errors.Is(err, context.Canceled) {
		return err
	}
	var public *apperr.Error
	if errors.As(err, &public) {
		return err
	}
	if outage(err) {
		return errUnavailable.Wrap(err)
	}
	return err
}

// outage reports whether err means that the database cannot serve right now.
func outage(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return outageSQLState(pg.Code)
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
			sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN:
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, driver.ErrBadConn)
}

// outageSQLState reports whether a PostgreSQL error code means an outage.
func outageSQLState(code string) bool {
	switch code {
	case "57P01", "57P02", "57P03", "57P05", // terminated, crashed, starting or shutting down, idle too long
		"57014", // statement_timeout
		"55P03", // lock_timeout
		"25006", // the primary became a standby
		"25P03", // idle in transaction too long
		"25P04": // transaction too long
		return true
	}
	class := code[:min(2, len(code))]
	return class == "08" || class == "53" || class == "58" // connection, resources, system
}
