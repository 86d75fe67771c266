package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/authy2/backend/migrations/platform"
)

// riverVersion is the version of the job queue's tables. A newer one is a new step.
const riverVersion = 8

// Platform returns the kernel's own line: platform's tables and the job queue's.
func Platform() Line {
	return Line{Name: "platform", FS: platform.FS, Go: []Step{{
		Name: "20261124090100_river",
		Up: func(ctx context.Context, db *bun.DB) error {
			return river(ctx, db, rivermigrate.DirectionUp, riverVersion)
		},
		Down: func(ctx context.Context, db *bun.DB) error {
			return river(ctx, db, rivermigrate.DirectionDown, -1)
		},
	}}}
}

// river migrates the job queue's tables. Each of its versions is a transaction of its own
// and recorded by itself, so an interrupted run resumes.
func river(ctx context.Context, db *bun.DB, direction rivermigrate.Direction, target int) error {
	var driver riverdriver.Driver[*sql.Tx] = riverdatabasesql.New(db.DB)
	if db.Dialect().Name() == dialect.SQLite {
		driver = riversqlite.New(db.DB)
	}
	m, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("job queue: %w", err)
	}
	if _, err := m.Migrate(ctx, direction, &rivermigrate.MigrateOpts{TargetVersion: target}); err != nil {
		return fmt.Errorf("job queue: %w", err)
	}
	return nil
}
