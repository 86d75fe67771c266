package database

import (
	"database/sql"
	"fmt"
	"time"
)

// storedForm is how times are written on SQLite.
const storedForm = "2006-01-02 15:04:05.999999999-07:00"

// Canonical returns t as the database keeps it: UTC, cut to microseconds.
func Canonical(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Time returns a destination for Scan that reads a time into t on both databases, also
// from an expression, which SQLite hands over as text. NULL sets the zero time.
func Time(t *time.Time) sql.Scanner { return timeScanner{t} }

type timeScanner struct{ into *time.Time }

// Scan reads a time, its text, or NULL.
func (s timeScanner) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s.into = time.Time{}
	case time.Time:
		*s.into = v.UTC()
	case string:
		return s.parse(v)
	case []byte:
		return s.parse(string(v))
	default:
		return fmt.Errorf("database: cannot read a time from %T", src)
	}
	return nil
}

func (s timeScanner) parse(text string) error {
	t, err := time.Parse(storedForm, text)
	if err != nil {
		return fmt.Errorf("database: not a stored time: %w", err)
	}
	*s.into = t.UTC()
	return nil
}
