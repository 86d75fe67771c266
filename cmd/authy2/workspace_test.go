package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestWorkspace holds together what the Go modules of the workspace must share and what
// no compiler checks.
func TestWorkspace(t *testing.T) {
	t.Parallel()
	const top = "../.."
	work := read(t, filepath.Join(top, "go.work"))
	var folders []string
	for _, m := range regexp.MustCompile(`(?m)^\t\./(\S+)$`).FindAllStringSubmatch(work, -1) {
		folders = append(folders, m[1])
	}
	if len(folders) < 7 {
		t.Fatalf("go.work lists %v", folders)
	}

	t.Run("every module is in the workspace and fenced by the linter", func(t *testing.T) {
		t.Parallel()
		lint := read(t, filepath.Join(top, ".golangci.yml"))
		entries, err := os.ReadDir(filepath.Join(top, "modules"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !strings.Contains(work, "\t./modules/"+e.Name()+"\n") {
				t.Errorf("modules/%s is not in go.work", e.Name())
			}
			if !strings.Contains(lint, `"**/modules/`+e.Name()+`/**"`) {
				t.Errorf(".golangci.yml has no depguard block for modules/%s", e.Name())
			}
		}
	})

	t.Run("one Go version, and one version of each dependency", func(t *testing.T) {
		t.Parallel()
		versions := map[string]string{"go": goLine(work)}
		require := regexp.MustCompile(`(?m)^(?:require )?\t?(\S+\.\S+/\S+) (v\S+)$`)
		for _, folder := range folders {
			mod := read(t, filepath.Join(top, folder, "go.mod"))
			if got := goLine(mod); got != versions["go"] {
				t.Errorf("%s: %q, go.work says %q", folder, got, versions["go"])
			}
			for _, m := range require.FindAllStringSubmatch(mod, -1) {
				if known, ok := versions[m[1]]; ok && known != m[2] {
					t.Errorf("%s requires %s %s, another module %s", folder, m[1], m[2], known)
				}
				versions[m[1]] = m[2]
			}
		}
	})

	t.Run("no module requires a sibling", func(t *testing.T) {
		t.Parallel()
		for _, folder := range folders {
			if !strings.HasPrefix(folder, "modules/") {
				continue
			}
			mod := read(t, filepath.Join(top, folder, "go.mod"))
			for _, m := range regexp.MustCompile(`github\.com/authy2/backend/modules/(\w+) v`).FindAllStringSubmatch(mod, -1) {
				t.Errorf("%s requires modules/%s: declare a port, cmd/authy2/wire.go fills it", folder, m[1])
			}
		}
	})
}

func goLine(mod string) string {
	return regexp.MustCompile(`(?m)^go \S+$`).FindString(mod)
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
