package main

import (
	"os"
	"strings"
	"testing"

	"github.com/authy2/backend/configs"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/kernel"
)

const (
	tableBegins = "<!-- configuration table: made by authy2 config table -->\n"
	tableEnds   = "<!-- end of the configuration table -->"
)

// TestReadmeTable keeps the README's table of settings the one that the code makes.
// UPDATE_GOLDEN=1 writes it.
func TestReadmeTable(t *testing.T) {
	t.Parallel()
	const path = "../../README.md"
	loaded, err := config.Load(config.Options{Profile: config.Testing, Profiles: configs.FS}, kernel.Sections(modules()))
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(content), tableBegins)
	if !ok {
		t.Fatalf("the README has no line %q", tableBegins)
	}
	_, after, ok := strings.Cut(rest, tableEnds)
	if !ok {
		t.Fatalf("the README has no line %q", tableEnds)
	}
	want := before + tableBegins + configTable(loaded) + tableEnds + after
	if want == string(content) {
		return
	}
	if os.Getenv("UPDATE_GOLDEN") == "" {
		t.Fatal("the README's table of settings is not the code's: run UPDATE_GOLDEN=1 go test ./authy2 -run TestReadmeTable in cmd")
	}
	if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}
