package database

import (
	"fmt"
	"net/url"
	"strings"
)

// Dialect is which database speaks underneath. The zero value is PostgreSQL.
type Dialect int

// The dialects.
const (
	PostgreSQL Dialect = iota
	SQLite
)

// String returns "postgresql" or "sqlite".
func (d Dialect) String() string {
	if d == SQLite {
		return "sqlite"
	}
	return "postgresql"
}

// parseURL splits a database URL into its dialect and, for SQLite, the file's path.
// Errors never retell the URL, which holds a password.
func parseURL(raw string) (Dialect, string, error) {
	switch {
	case strings.HasPrefix(raw, "postgres://"), strings.HasPrefix(raw, "postgresql://"):
		if _, err := url.Parse(raw); err != nil {
			return 0, "", fmt.Errorf("database: the URL is not well-formed; a special character in the password must be percent-encoded")
		}
		return PostgreSQL, "", nil
	case strings.HasPrefix(raw, "sqlite:"):
		path := strings.TrimPrefix(raw, "sqlite:")
		if rest, ok := strings.CutPrefix(path, "//"); ok {
			path = rest
			if !strings.HasPrefix(path, "/") {
				return 0, "", fmt.Errorf("database: write sqlite:data/authy2.db for a relative path and sqlite:///srv/authy2.db for an absolute one")
			}
		}
		if path == "" || path == ":memory:" || strings.ContainsRune(path, 0) {
			return 0, "", fmt.Errorf("database: a SQLite URL names a file, such as sqlite:data/authy2.db")
		}
		return SQLite, path, nil
	}
	return 0, "", fmt.Errorf("database: the URL starts with neither postgres:// nor sqlite: as it must")
}
