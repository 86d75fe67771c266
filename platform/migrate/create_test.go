package migrate_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/authy2/backend/platform/migrate"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "identity"), 0o755); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 13, 2, 3, 0, time.FixedZone("x", 3600))
	got, err := migrate.Create(dir, "identity", "add_phone", now)
	if err != nil {
		t.Fatal(err)
	}
	stem := filepath.Join(dir, "identity", "20260301120203_add_phone")
	if want := []string{stem + ".tx.up.sql", stem + ".tx.down.sql"}; !slices.Equal(got, want) {
		t.Errorf("made %v, want %v", got, want)
	}
	for _, path := range got {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	for _, wrong := range [][2]string{{"identity", "add_phone"}, {"identity", "../x"}, {"identity", ""}, {"none", "x"}, {"../identity", "x"}} {
		if _, err := migrate.Create(dir, wrong[0], wrong[1], now); err == nil {
			t.Errorf("%v is accepted", wrong)
		}
	}
}
