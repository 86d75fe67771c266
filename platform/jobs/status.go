package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Status is what is known of a periodic job.
type Status struct {
	// Name, Doc and Every are the declaration's.
	Name, Doc string
	Every     time.Duration
	// LastRun is when the last run began; zero when there was none.
	LastRun time.Time
	// LastResult is "ok", "error", "panic", "timeout", "interrupted" by a shutdown, or
	// empty before the first run. LastError says what went wrong.
	LastResult, LastError string
	// LastReport is what the last run said.
	LastReport Report
	// Duration is how long it took.
	Duration time.Duration
	// Runs and Failures count since the table was made.
	Runs, Failures int64
}

// booked is a row of platform_jobs.
type booked struct {
	Name       string
	LastRun    time.Time
	LastResult string
	LastError  string
	LastReport string
	DurationUs int64
	Runs       int64
	Failures   int64
}

// Status returns what is known of every periodic job, by name.
func (c *Client) Status(ctx context.Context) ([]Status, error) {
	var rows []booked
	err := c.db.Read().NewSelect().Table("platform_jobs").
		Column("name", "last_run", "last_result", "last_error", "last_report", "duration_us", "runs", "failures").Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("jobs: read the book: %w", err)
	}
	byName := make(map[string]booked, len(rows))
	for _, row := range rows {
		byName[row.Name] = row
	}
	all := make([]Status, 0, len(c.periodic))
	for _, p := range c.periodic {
		row := byName[p.Name]
		s := Status{
			Name: p.Name, Doc: p.Doc, Every: p.Every, LastRun: row.LastRun, LastResult: row.LastResult, LastError: row.LastError,
			Duration: time.Duration(row.DurationUs) * time.Microsecond, Runs: row.Runs, Failures: row.Failures,
		}
		if row.LastReport != "" {
			if err := json.Unmarshal([]byte(row.LastReport), &s.LastReport); err != nil {
				return nil, fmt.Errorf("jobs: read the report of %s: %w", p.Name, err)
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// names lists the periodic jobs for an error message.
func (c *Client) names() string {
	names := make([]string, len(c.periodic))
	for i, p := range c.periodic {
		names[i] = p.Name
	}
	return strings.Join(names, ", ")
}
