package migrate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

var fileName = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// Create writes an empty pair of migration files into dir/line, named by the time now and
// name, and returns their paths. dir is the folder of all lines; the line's own folder
// must exist.
func Create(dir, line, name string, now time.Time) ([]string, error) {
	if !lineName.MatchString(line) || !fileName.MatchString(name) {
		return nil, fmt.Errorf("migrate: a line and a migration are named with lower-case letters, digits and underscores, such as identity and add_phone")
	}
	folder := filepath.Join(dir, line)
	if _, err := os.Stat(folder); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("migrate: there is no folder %s; run this at the top of the repository", folder)
		}
		return nil, fmt.Errorf("migrate: %w", err)
	}
	stem := filepath.Join(folder, now.UTC().Format("20060102150405")+"_"+name)
	pair := []string{stem + ".tx.up.sql", stem + ".tx.down.sql"}
	for _, path := range pair {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // source code, for everybody to read
		if err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
		_, err = f.WriteString("-- Types that differ between the databases are written {{.Timestamp}}, {{.UUID}}, {{.JSON}} …\n")
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
	}
	return pair, nil
}
