package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// periodicRun is the job that runs a periodic job for one interval.
type periodicRun struct {
	Name string `json:"name" river:"unique"`
	// Slot is when the interval begins, in seconds since 1970.
	Slot int64 `json:"slot" river:"unique"`
}

// Kind returns periodic_run.
func (periodicRun) Kind() string { return "periodic_run" }

// schedule tells River when to enqueue which periodic job. Every replica has the same
// schedule; one is elected to keep it, and what another has enqueued already is not
// enqueued again. A new leader makes up for an interval that nobody has run yet.
func (c *Client) schedule() []*river.PeriodicJob {
	all := make([]*river.PeriodicJob, 0, len(c.periodic))
	for _, p := range c.periodic {
		all = append(all, river.NewPeriodicJob(aligned(p.Every), func() (river.JobArgs, *river.InsertOpts) {
			// River asks by this machine's clock, and up to 100 ms before the interval begins.
			slot := c.clock.Now().Add(min(p.Every/4, time.Second)).Truncate(p.Every)
			return periodicRun{Name: p.Name, Slot: slot.Unix()}, &river.InsertOpts{
				// The second attempt is for a run whose process was killed.
				MaxAttempts: 2,
				UniqueOpts:  river.UniqueOpts{ByArgs: true},
			}
		}, &river.PeriodicJobOpts{RunOnStart: true}))
	}
	return all
}

// runPeriodic returns the worker for runs of periodic jobs.
func (c *Client) runPeriodic() *worker[periodicRun] {
	return &worker[periodicRun]{
		client: c,
		name:   func(r periodicRun) string { return r.Name },
		timeout: func(r periodicRun) time.Duration {
			if p, ok := c.find(r.Name); ok {
				return p.timeout()
			}
			return defaultTimeout
		},
		work: func(ctx context.Context, job *river.Job[periodicRun]) error {
			p, ok := c.find(job.Args.Name)
			if !ok {
				return river.JobSnooze(time.Second) // a replica of another release has it
			}
			first, err := c.claim(ctx, job.Args, job.ID)
			if err != nil || !first {
				return err
			}
			if _, err := c.runAndBook(ctx, p); err != nil {
				if resultOf(ctx, err) == resultInterrupted {
					return err // somebody else runs it
				}
				return river.JobCancel(err) // the next interval is the next attempt
			}
			return nil
		},
	}
}

// claim takes the interval for the run with the queue's id, and reports whether it is not
// taken by another.
func (c *Client) claim(ctx context.Context, r periodicRun, id int64) (bool, error) {
	var claimed bool
	err := c.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewRaw(
			"INSERT INTO platform_jobs (name, slot, taken_by) VALUES (?, ?, ?) "+
				"ON CONFLICT (name) DO UPDATE SET slot = excluded.slot, taken_by = excluded.taken_by "+
				"WHERE platform_jobs.slot < excluded.slot OR (platform_jobs.slot = excluded.slot AND platform_jobs.taken_by = excluded.taken_by)",
			r.Name, r.Slot, id,
		).Exec(ctx)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		claimed = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("jobs: claim %s: %w", r.Name, err)
	}
	return claimed, nil
}

// runAndBook runs p and records the outcome in a transaction of its own.
func (c *Client) runAndBook(ctx context.Context, p Periodic) (Report, error) {
	began, started := c.clock.Now(), c.reading()
	var report Report
	err := contained(ctx, func(ctx context.Context) (err error) {
		report, err = p.Run(ctx)
		return err
	})
	if booking := c.book(context.WithoutCancel(ctx), p.Name, began, c.reading().Sub(started), report, resultOf(ctx, err), err); booking != nil {
		c.log.ErrorContext(ctx, "the outcome of a job could not be recorded", "job", p.Name, "err", booking)
	}
	return report, err
}

// book records the outcome of a run.
func (c *Client) book(ctx context.Context, name string, began time.Time, took time.Duration, report Report, result string, problem error) error {
	message, failed := "", 0
	if problem != nil {
		message = problem.Error()
	}
	if result != resultOK && result != resultInterrupted {
		failed = 1
	}
	if report == nil {
		report = Report{}
	}
	said, err := json.Marshal(report)
	if err != nil {
		return err
	}
	return c.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw(
			"INSERT INTO platform_jobs (name, last_run, last_result, last_error, last_report, duration_us, runs, failures) "+
				"VALUES (?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (name) DO UPDATE SET last_run = excluded.last_run, "+
				"last_result = excluded.last_result, last_error = excluded.last_error, last_report = excluded.last_report, "+
				"duration_us = excluded.duration_us, runs = platform_jobs.runs + 1, failures = platform_jobs.failures + excluded.failures",
			name, database.Canonical(began), result, message, string(said), took.Microseconds(), failed,
		).Exec(ctx)
		return err
	})
}

// RunOnce runs a periodic job now, in this process, whoever else runs it, and records the
// outcome. It needs no Start.
func (c *Client) RunOnce(ctx context.Context, name string) (Report, error) {
	p, ok := c.find(name)
	if !ok {
		return nil, fmt.Errorf("jobs: there is no periodic job %q; there are: %s", name, c.names())
	}
	bound, cancel := context.WithTimeout(ctx, p.timeout())
	defer cancel()
	var report Report
	err := c.measured(bound, name, func(ctx context.Context) (err error) {
		report, err = c.runAndBook(ctx, p)
		return err
	})
	return report, err
}
