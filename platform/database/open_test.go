package database_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

func TestSQLiteIsSetUpForServing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?c#d%41.db")
	db := platformtest.OpenDB(t, database.Settings{URL: secret.New("sqlite:" + path)})
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "4500",
	} {
		var got string
		if err := db.Writer().QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %s, want %s (%v)", pragma, got, want, err)
		}
	}
	if found, err := filepath.Glob(filepath.Join(filepath.Dir(path), "a b*")); err != nil || len(found) == 0 || found[0] != path {
		t.Errorf("the file is %v, want %s", found, path)
	}
}

func TestTLSIsVerifiedWhenAsked(t *testing.T) {
	t.Parallel()
	url := strings.Replace(platformtest.PostgresURL(t), "sslmode=disable", "sslmode=verify-full", 1)
	db, err := database.Open(database.Settings{URL: secret.New(url), Timeout: 500_000_000}, platformtest.Log(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Stop(t.Context()) }()
	if err := db.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("a server without TLS is used although verify-full is asked for: %v", err)
	}
}

func TestStopTwice(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		for range 2 {
			if err := b.DB.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}
