package database_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/secret"
)

func TestOpenReadsURLs(t *testing.T) {
	t.Parallel()
	for _, tc := range [][2]string{
		{"postgres://u:hunter2@localhost/db", "postgresql"},
		{"postgresql://u:hunter2@localhost/db?sslmode=verify-full", "postgresql"},
		{"sqlite:data/authy2.db", "sqlite"},
		{"sqlite:/srv/with space/a?b#c%41.db", "sqlite"},
		{"sqlite:///srv/authy2.db", "sqlite"},
		{"sqlite://srv/authy2.db", ""},
		{"sqlite:", ""},
		{"sqlite::memory:", ""},
		{"mysql://u:hunter2@localhost/db", ""},
		{"", ""},
		{"postgres://u:hunter2%zz@localhost/db", ""},
		{"postgres://u:hunter2@localhost/db?sslmode=sometimes", ""},
	} {
		url, want := tc[0], tc[1]
		db, err := database.Open(database.Settings{URL: secret.New(url)}, slog.New(slog.DiscardHandler))
		switch {
		case err == nil && db.Dialect().String() != want:
			t.Errorf("%s is %s, want %q", url, db.Dialect(), want)
		case err == nil:
			if err := db.Stop(t.Context()); err != nil {
				t.Errorf("%s: stop without start: %v", url, err)
			}
		case want != "":
			t.Errorf("%s: %v", url, err)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("the error shows the password: %v", err)
		}
	}
}
