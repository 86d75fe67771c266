package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestArchiveNeedsNoSystem takes an archive out of one installation and verifies it where
// there is none, and where the configuration is wrong.
func TestArchiveNeedsNoSystem(t *testing.T) {
	t.Parallel()
	from := newProgram(t)
	file := filepath.Join(from.dir, "trail.zip")
	for _, args := range [][]string{{"db", "upgrade"}, {"users", "create", "ann@example.com"}, {"audit", "export", "--signed", "--out", file}} {
		if code := from.run(t.Context(), args...); code != 0 {
			t.Fatalf("%v: exit status %d: %s", args, code, from.errors)
		}
	}
	for name, environ := range map[string][]string{
		"no configuration":    nil,
		"a wrong one":         {"APP_ENV=production", "LOG_LEVEL=loud"},
		"the module is off":   {"MODULES=identity"},
		"an unknown database": {"DATABASE_URL=mysql://nowhere"},
	} {
		p := &program{dir: t.TempDir(), environ: environ, out: new(output), errors: new(output)}
		if code := p.run(t.Context(), "audit", "verify", "--archive", file); code != 0 || !strings.Contains(p.out.String(), "the archive is whole") {
			t.Errorf("%s: exit status %d: %s%s", name, code, p.out, p.errors)
		}
		if left, err := os.ReadDir(p.dir); err != nil || len(left) > 0 {
			t.Errorf("%s: it leaves %v behind, %v", name, left, err)
		}
	}
	p := &program{dir: t.TempDir(), environ: []string{"LOG_LEVEL=loud"}, out: new(output), errors: new(output)}
	if code := p.run(t.Context(), "audit", "verify"); code != 2 {
		t.Errorf("without --archive a wrong configuration: exit status %d: %s", code, p.errors)
	}
}
