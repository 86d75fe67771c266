package skeleton_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/platform/kernel/skeleton"
)

var now = time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)

// workspace returns a folder that looks like the workspace, without its sources.
func workspace(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range map[string]string{
		"go.work":         "go 1.26.0\n\nuse (\n\t./modules/identity\n\t./platform\n)\n",
		"platform/go.mod": "module github.com/authy2/backend/platform\n\ngo 1.26.0\n\nrequire github.com/uptrace/bun v1.3.0\n\nrequire (\n\tgo.uber.org/fx v1.24.0 // indirect\n\tgithub.com/pkg/errors v0.9.1\n\tgithub.com/authy2/backend/migrations v0.0.0\n)\n",
		"platform/go.sum": "sums\n",
		".golangci.yml":   "      rules:\n        platform:\n          list-mode: lax\n",
	} {
		write(t, filepath.Join(root, path), content)
	}
	return root
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestMakeWritesEveryPlace(t *testing.T) {
	t.Parallel()
	root := workspace(t)
	paths, err := skeleton.Make(root, "time_sheets", now)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"go.work":                         "\t./modules/identity\n\t./modules/time_sheets\n\t./platform\n",
		".golangci.yml":                   "        time_sheets:\n          list-mode: lax\n",
		"modules/time_sheets/go.mod":      "require (\n\tgithub.com/uptrace/bun v1.3.0\n\tgo.uber.org/fx v1.24.0\n\tgithub.com/pkg/errors v0.9.1 // indirect\n)\n",
		"modules/time_sheets/go.sum":      "sums\n",
		"modules/time_sheets/doc.go":      "package time_sheets\n",
		"modules/time_sheets/handler.go":  `Path: "/api/v1/time-sheets/items"`,
		"modules/time_sheets/module.go":   `const Name = "time_sheets"`,
		"migrations/time_sheets/embed.go": "//go:embed *.sql\n",
		"migrations/time_sheets/20260102030405_create_items.tx.up.sql":   "CREATE TABLE time_sheets_items",
		"migrations/time_sheets/20260102030405_create_items.tx.down.sql": "DROP TABLE time_sheets_items;",
	} {
		if !slices.Contains(paths, path) || !strings.Contains(read(t, filepath.Join(root, path)), want) {
			t.Errorf("%s (told: %v) does not hold %q:\n%s", path, slices.Contains(paths, path), want, read(t, filepath.Join(root, path)))
		}
	}
}

func TestMakeRefuses(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "is not a name", "Audit": "is not a name", "1st": "is not a name", "a-b": "is not a name", "../x": "is not a name",
		"func": "no word of Go", "platform": "is not a name", "taken": "modules/taken is there already", "lined": "migrations/lined is there already",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := workspace(t)
			write(t, filepath.Join(root, "modules/taken/doc.go"), "package taken\n")
			write(t, filepath.Join(root, "migrations/lined/embed.go"), "package lined\n")
			before := read(t, filepath.Join(root, "go.work"))
			if _, err := skeleton.Make(root, name, now); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Make(%q) = %v, want %q", name, err, want)
			}
			if read(t, filepath.Join(root, "go.work")) != before {
				t.Error("a refused name changed go.work")
			}
		})
	}
	if _, err := skeleton.Make(t.TempDir(), "audit", now); err == nil || !strings.Contains(err.Error(), "is not the workspace") {
		t.Errorf("Make outside the workspace = %v", err)
	}
}

// TestTheSkeletonPassesItsTests makes a module beside a copy of the platform and runs
// the tests that it comes with, the contract among them.
func TestTheSkeletonPassesItsTests(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, name := range []string{"platform", "migrations"} {
		copyModule(t, filepath.Join("../../..", name), filepath.Join(root, name))
	}
	write(t, filepath.Join(root, "go.work"), "go 1.26.0\n\nuse (\n\t./migrations\n\t./platform\n)\n")
	if _, err := skeleton.Make(root, "gadgets", now); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = filepath.Join(root, "modules", "gadgets")
		command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off")
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// copyModule copies the sources of a Go module, without its tests.
func copyModule(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, relative)
		if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
