package migrations_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const released = "testdata/released.sha256"

// TestReleasedFilesDoNotChange compares every migration file with the hash it was recorded
// with. UPDATE_GOLDEN=1 records new files, and only those: what was released is not to be
// changed by a flag. A file that no release holds yet may be changed; its line in the list
// is deleted by hand then.
func TestReleasedFilesDoNotChange(t *testing.T) {
	t.Parallel()
	recorded := readRecorded(t)
	found := map[string]string{}
	paths, err := filepath.Glob("*/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		found[filepath.ToSlash(path)] = hex.EncodeToString(sum[:])
	}
	added := false
	for path, sum := range found {
		switch was, known := recorded[path]; {
		case known && was != sum:
			t.Errorf("%s was changed; add a new migration instead", path)
		case !known && os.Getenv("UPDATE_GOLDEN") == "1":
			recorded[path], added = sum, true
		case !known:
			t.Errorf("%s is not recorded; UPDATE_GOLDEN=1 go test . records it", path)
		}
	}
	for path := range recorded {
		if _, ok := found[path]; !ok {
			t.Errorf("%s was removed or renamed; databases have applied it", path)
		}
	}
	if added {
		writeRecorded(t, recorded)
	}
}

// TestFilesComeInPairs looks for steps that cannot be undone.
func TestFilesComeInPairs(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("*/*.sql")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		other := strings.Replace(path, ".up.sql", ".down.sql", 1)
		if other == path {
			other = strings.Replace(path, ".down.sql", ".up.sql", 1)
		}
		if !slices.Contains(paths, other) {
			t.Errorf("%s has no counterpart", path)
		}
	}
}

func readRecorded(t *testing.T) map[string]string {
	t.Helper()
	recorded := map[string]string{}
	content, err := os.ReadFile(released)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		sum, path, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok {
			t.Fatalf("%s: %q is not a line of sha256sum", released, line)
		}
		recorded[path] = sum
	}
	return recorded
}

func writeRecorded(t *testing.T, recorded map[string]string) {
	t.Helper()
	var lines []string
	for path, sum := range recorded {
		lines = append(lines, fmt.Sprintf("%s  %s\n", sum, path))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[66:], b[66:]) })
	if err := os.MkdirAll(filepath.Dir(released), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(released, []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}
