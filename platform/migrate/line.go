package migrate

import (
	"context"
	"fmt"
	"io/fs"
	"regexp"

	"github.com/uptrace/bun"
	bunmigrate "github.com/uptrace/bun/migrate"
)

// Line is the migrations of one module.
type Line struct {
	// Name is the module's name, the prefix of its tables: "identity".
	Name string
	// FS holds the SQL files; nil when there are none.
	FS fs.FS
	// Go holds the steps that are not SQL.
	Go []Step
}

// Step is a migration in Go. It must be repeatable: it runs outside a transaction, and
// again if the process dies before the step is recorded.
type Step struct {
	// Name is <yyyymmddhhmmss>_<name> and orders the step among the line's files.
	Name string
	// Up and Down do the work on a handle without statement time limits.
	Up, Down func(ctx context.Context, db *bun.DB) error
}

var (
	lineName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	stepName = regexp.MustCompile(`^(\d{14})_([0-9a-z_]+)$`)
)

// table returns the name of the line's history table.
func (l Line) table() string { return l.Name + "_migrations" }

// discover returns the line's steps in order.
func (l Line) discover() (bunmigrate.MigrationSlice, error) {
	if !lineName.MatchString(l.Name) {
		return nil, fmt.Errorf("migrate: %q is not a name for a line", l.Name)
	}
	all := bunmigrate.NewMigrations()
	if l.FS != nil {
		if err := all.Discover(l.FS); err != nil {
			return nil, fmt.Errorf("migrate: line %s: %w", l.Name, err)
		}
	}
	for _, s := range l.Go {
		m, err := s.migration(l)
		if err != nil {
			return nil, err
		}
		all.Add(m)
	}
	steps := all.Sorted()
	for i, s := range steps {
		if s.Up == nil || s.Down == nil {
			return nil, fmt.Errorf("migrate: line %s: step %s needs an up and a down", l.Name, title(s))
		}
		if i > 0 && steps[i-1].Name == s.Name {
			return nil, fmt.Errorf("migrate: line %s: two steps have the time stamp %s", l.Name, s.Name)
		}
	}
	return steps, nil
}

// migration makes the step one of bun's, recorded right after its work.
func (s Step) migration(l Line) (bunmigrate.Migration, error) {
	parts := stepName.FindStringSubmatch(s.Name)
	if parts == nil || s.Up == nil || s.Down == nil {
		return bunmigrate.Migration{}, fmt.Errorf("migrate: line %s: step %q needs a name <yyyymmddhhmmss>_<name>, an up and a down", l.Name, s.Name)
	}
	return bunmigrate.Migration{
		Name: parts[1], Comment: parts[2],
		Up: func(ctx context.Context, m *bunmigrate.Migrator, step *bunmigrate.Migration) error {
			if err := s.Up(ctx, m.DB()); err != nil {
				return err
			}
			return record(ctx, m.DB(), l, step.Name)
		},
		Down: func(ctx context.Context, m *bunmigrate.Migrator, step *bunmigrate.Migration) error {
			if err := s.Down(ctx, m.DB()); err != nil {
				return err
			}
			return forget(ctx, m.DB(), l, step.Name)
		},
	}, nil
}

// title is how a step is named to people: time stamp and name.
func title(m bunmigrate.Migration) string { return m.Name + "_" + m.Comment }
