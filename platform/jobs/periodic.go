package jobs

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Report is what a periodic job has to say about a run: counts by name, such as
// {"expired": 12}. Nil is nothing.
type Report map[string]int64

// Periodic is a job that runs once per interval in the whole system.
type Periodic struct {
	// Name is verb_noun, such as cleanup_sessions, unique in the system.
	Name string
	// Doc is one sentence for the list of jobs.
	Doc string
	// Every is the interval, at least a second. Intervals are aligned to 1970, so that
	// all replicas agree on where one ends.
	Every time.Duration
	// Timeout bounds a run; zero means ten seconds.
	Timeout time.Duration
	// Run does the work. Its context ends with the timeout and at shutdown.
	Run func(ctx context.Context) (Report, error)
}

var periodicName = regexp.MustCompile(`^[a-z]+(_[a-z0-9]+)+$`)

// check returns what is wrong with the declaration.
func (p Periodic) check() error {
	var errs []error
	if !periodicName.MatchString(p.Name) {
		errs = append(errs, fmt.Errorf("jobs: %q is not of the form verb_noun", p.Name))
	}
	if p.Every < time.Second || p.Every%time.Second != 0 {
		errs = append(errs, fmt.Errorf("jobs: %s: the interval is whole seconds, at least one", p.Name))
	}
	if p.Timeout < 0 {
		errs = append(errs, fmt.Errorf("jobs: %s: the timeout is negative", p.Name))
	}
	if p.Run == nil {
		errs = append(errs, fmt.Errorf("jobs: %s has nothing to run", p.Name))
	}
	return errors.Join(errs...)
}

// timeout returns the bound of a run.
func (p Periodic) timeout() time.Duration {
	if p.Timeout == 0 {
		return defaultTimeout
	}
	return p.Timeout
}

// aligned is a schedule whose times are the multiples of an interval.
type aligned time.Duration

// Next returns the beginning of the interval after the one that t is in.
func (a aligned) Next(t time.Time) time.Time {
	return t.UTC().Truncate(time.Duration(a)).Add(time.Duration(a))
}
