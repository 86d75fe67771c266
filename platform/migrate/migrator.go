package migrate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
	bunmigrate "github.com/uptrace/bun/migrate"

	"github.com/authy2/backend/platform/database"
)

const (
	lockName      = "migrate"
	lockAttempts  = 20 // how often a step is tried that could not get its table locks
	lockPauseStep = 250 * time.Millisecond
)

// Migrator applies lines of migrations, in the order given.
type Migrator struct {
	db    *database.DB
	lines []Line
	types Types
	log   *slog.Logger
}

// New returns a migrator. It does no I/O; a malformed line fails when it is used.
func New(db *database.DB, lines []Line, log *slog.Logger) *Migrator {
	return &Migrator{db: db, lines: lines, types: types(db.Dialect()), log: log}
}

// Up applies every pending step of every line. progress is told of each step in one
// sentence; it may be nil. Another process that migrates at the same time is waited for.
func (m *Migrator) Up(ctx context.Context, progress func(string)) error {
	if progress == nil {
		progress = func(string) {}
	}
	pending, err := m.pending(ctx)
	if err != nil || pending == 0 {
		return err
	}
	return m.alone(ctx, progress, func(db *bun.DB) error {
		for _, l := range m.lines {
			if err := m.upLine(ctx, db, l, progress); err != nil {
				return err
			}
		}
		return nil
	})
}

// pending counts the steps that are not applied.
func (m *Migrator) pending(ctx context.Context) (int, error) {
	all, err := m.Status(ctx)
	n := 0
	for _, s := range all {
		n += len(s.Pending)
	}
	return n, err
}

// alone runs fn with a maintenance handle while no other process migrates.
func (m *Migrator) alone(ctx context.Context, progress func(string), fn func(db *bun.DB) error) error {
	release, err := m.db.Lock(ctx, lockName, func() { progress("waiting for another process that migrates") })
	if err != nil {
		return err
	}
	defer release()
	db, closeDB, err := m.db.Maintenance()
	if err != nil {
		return err
	}
	return errors.Join(fn(db), closeDB())
}

// upLine applies the pending steps of one line.
func (m *Migrator) upLine(ctx context.Context, db *bun.DB, l Line, progress func(string)) error {
	steps, err := l.discover()
	if err != nil {
		return err
	}
	if err := createHistory(ctx, db, l, m.types); err != nil {
		return err
	}
	done, err := history(ctx, m.db, l)
	if err != nil {
		return err
	}
	runner := m.runner(db, l, record)
	for i := range steps {
		step := &steps[i]
		if isApplied(done, step.Name) {
			continue
		}
		if err := m.step(ctx, func() error { return step.Up(ctx, runner, step) }); err != nil {
			return fmt.Errorf("migrate: line %s: step %s failed: %w", l.Name, title(*step), err)
		}
		progress(fmt.Sprintf("%s: applied %s", l.Name, title(*step)))
		m.log.InfoContext(ctx, "migration applied", "line", l.Name, "step", title(*step))
	}
	return nil
}

// Down undoes the newest steps of one line, newest first, as many as there are or steps.
// It refuses while the line has steps that only a newer release knows how to undo.
func (m *Migrator) Down(ctx context.Context, line string, steps int) error {
	at := slices.IndexFunc(m.lines, func(l Line) bool { return l.Name == line })
	if at < 0 {
		return fmt.Errorf("migrate: there is no line %q; there are: %s", line, m.names())
	}
	l := m.lines[at]
	known, err := l.discover()
	if err != nil {
		return err
	}
	return m.alone(ctx, func(string) {}, func(db *bun.DB) error {
		done, err := history(ctx, m.db, l)
		if err != nil {
			return err
		}
		for _, row := range done {
			if !slices.ContainsFunc(known, func(k bunmigrate.Migration) bool { return k.Name == row.Name }) {
				return fmt.Errorf("migrate: line %s has step %s of a newer release; undo it with that release", line, row.Name)
			}
		}
		runner := m.runner(db, l, forget)
		for i := len(known) - 1; i >= 0 && steps > 0; i-- {
			step := &known[i]
			if !isApplied(done, step.Name) {
				continue
			}
			if err := m.step(ctx, func() error { return step.Down(ctx, runner, step) }); err != nil {
				return fmt.Errorf("migrate: line %s: undoing step %s failed: %w", line, title(*step), err)
			}
			m.log.InfoContext(ctx, "migration undone", "line", line, "step", title(*step))
			steps--
		}
		return nil
	})
}

// runner returns bun's migrator for a line, which calls book at the end of every SQL
// step, inside its transaction.
func (m *Migrator) runner(db *bun.DB, l Line, book func(context.Context, bun.IConn, Line, string) error) *bunmigrate.Migrator {
	return bunmigrate.NewMigrator(db, bunmigrate.NewMigrations(),
		bunmigrate.WithTemplateData(m.types),
		bunmigrate.WithMarkAppliedOnSuccess(true),
		bunmigrate.AfterMigration(func(ctx context.Context, conn bun.IConn, step *bunmigrate.Migration) error {
			return book(ctx, conn, l, step.Name)
		}))
}

// step runs one step, again while it does not get a lock that somebody else holds.
func (m *Migrator) step(ctx context.Context, run func() error) error {
	for n := 1; ; n++ {
		err := run()
		var pg *pgconn.PgError
		if err == nil || n == lockAttempts || !errors.As(err, &pg) || pg.Code != "55P03" {
			return err
		}
		m.log.InfoContext(ctx, "a migration waits for a lock", "attempt", n)
		timer := time.NewTimer(time.Duration(n) * lockPauseStep)
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		case <-timer.C:
		}
	}
}

func isApplied(done []applied, name string) bool {
	return slices.ContainsFunc(done, func(row applied) bool { return row.Name == name })
}
