package platformtest

import (
	"strings"
	"testing"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/secret"
)

// migrate takes the module's lines up, down and up again: its own, and those of its
// features on top of it.
func (c contract) migrate(t *testing.T, url string) {
	t.Helper()
	db := OpenDB(t, database.Settings{URL: secret.New(url)})
	lines := []migrate.Line{{Name: c.module.Name, FS: c.module.Migrations}}
	for _, l := range c.module.FeatureLines {
		if !strings.HasPrefix(l.Name, c.module.Name+"_") {
			t.Errorf("the line %s of a feature does not carry the module's name", l.Name)
		}
		lines = append(lines, migrate.Line{Name: l.Name, FS: l.FS})
	}
	m := migrate.New(db, lines, Log(t))
	for range 2 {
		if err := m.Up(t.Context(), nil); err != nil {
			t.Fatalf("up: %v", err)
		}
		made := tables(t, db)
		if len(made) == 0 {
			t.Error("the lines make no table")
		}
		for _, name := range made {
			if !strings.HasPrefix(name, c.module.Name+"_") {
				t.Errorf("the table %s does not carry the module's name", name)
			}
		}
		for i := len(lines) - 1; i >= 0; i-- {
			files := steps(t, m, lines[i].Name)
			if files == 0 {
				t.Fatalf("the line %s has no steps", lines[i].Name)
			}
			if err := m.Down(t.Context(), lines[i].Name, files); err != nil {
				t.Fatalf("down: %v", err)
			}
		}
		for _, name := range tables(t, db) {
			if !strings.Contains(name, "_migration") {
				t.Errorf("down leaves the table %s", name)
			}
		}
	}
}

// steps returns how many steps the line has.
func steps(t *testing.T, m *migrate.Migrator, line string) int {
	t.Helper()
	status, err := m.Status(t.Context())
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	for _, s := range status {
		if s.Line == line {
			return len(s.Pending) + len(s.Applied)
		}
	}
	return 0
}

// tables returns the names of the tables in the database.
func tables(t *testing.T, db *database.DB) []string {
	t.Helper()
	query := `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name`
	if db.Dialect() == database.SQLite {
		query = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`
	}
	var names []string
	if err := db.Read().NewRaw(query).Scan(t.Context(), &names); err != nil {
		t.Fatalf("list the tables: %v", err)
	}
	return names
}
