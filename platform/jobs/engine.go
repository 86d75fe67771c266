package jobs

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// pollSQLite is how often a queue in a file is looked at. Nothing notifies there, and
// every look takes the one writer for a moment.
const pollSQLite = 500 * time.Millisecond

// driver returns River's driver for database/sql on this database.
func (c *Client) driver() riverdriver.Driver[*sql.Tx] {
	if c.db.Dialect() == database.SQLite {
		return riversqlite.New(c.db.Writer().DB)
	}
	return riverdatabasesql.New(c.db.Writer().DB)
}

// inserter makes the client that enqueues in bun's transactions. It is never started.
func (c *Client) inserter() error {
	c.enqueuer = c.driver()
	insert, err := river.NewClient(c.enqueuer, &river.Config{Logger: c.quiet()})
	c.insert = insert
	return err
}

// open returns the client that does jobs: on PostgreSQL over pgx itself, which listens for
// notifications; on SQLite over the writer.
func (c *Client) open() (engine, error) {
	config, err := c.config()
	if err != nil {
		return nil, err
	}
	if c.db.Dialect() == database.SQLite {
		config.PollOnly = true
		config.FetchPollInterval = pollSQLite
		return river.NewClient(c.driver(), config)
	}
	pool := c.db.Pool()
	if pool == nil {
		return nil, errors.New("the database is not started")
	}
	return river.NewClient(riverpgxv5.New(pool), config)
}

// succeed ends the term of a process that was killed before. The one who enqueues periodic
// jobs is elected for a quarter of a minute at a time; on SQLite nobody else is there who
// could be it, so that waiting for the end of a dead one's term is of no use. Should there
// be two for a moment, the intervals are still claimed one by one.
func (c *Client) succeed(ctx context.Context) error {
	if c.db.Dialect() != database.SQLite {
		return nil
	}
	return c.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("DELETE FROM river_leader").Exec(ctx)
		return err
	})
}

// config returns what both have in common.
func (c *Client) config() (*river.Config, error) {
	workers, err := c.allWorkers()
	if err != nil {
		return nil, err
	}
	return &river.Config{
		Logger:               c.quiet(),
		JobTimeout:           defaultTimeout,
		RescueStuckJobsAfter: rescueAfter,
		SoftStopTimeout:      c.settings.StopTimeout,
		FetchOnlyKnownKinds:  true, // what only another release or a module that is off can do stays for it
		Queues:               map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: c.settings.Workers}},
		Workers:              workers,
		PeriodicJobs:         c.schedule(),
		ReindexerSchedule:    river.NeverSchedule(), // PostgreSQL 14 keeps these indexes small by itself
		RetryPolicy:          backoff{},
	}, nil
}

// allWorkers returns the workers of every kind, the package's own included.
func (c *Client) allWorkers() (*river.Workers, error) {
	all := river.NewWorkers()
	errs := []error{river.AddWorkerSafely(all, c.runPeriodic()), river.AddWorkerSafely(all, c.deliver())}
	for _, w := range c.workers {
		errs = append(errs, w.add(c, all))
	}
	return all, errors.Join(errs...)
}
