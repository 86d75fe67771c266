package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"
)

const (
	// defaultTimeout bounds a job that does not say otherwise.
	defaultTimeout = 10 * time.Second
	// rescueAfter is when a job that is still marked as running is taken for dead. It is
	// also the least that a job's own timeout is exceeded by before it is.
	rescueAfter = 15 * time.Second
	rescueSlack = rescueAfter - defaultTimeout
)

// Args are the arguments of a queued job: a plain struct that survives JSON and holds ids
// only. Kind is a constant of the type, lower-case with underscores.
type Args interface{ Kind() string }

// Worker is how one kind of queued job is done. Make one with [Work].
type Worker struct {
	kind string
	add  func(c *Client, to *river.Workers) error
}

// Kind returns the kind of job that the worker does.
func (w Worker) Kind() string { return w.kind }

// Work returns the worker that does jobs of T's kind with fn. A run is bounded by timeout;
// zero means ten seconds. fn is repeatable: it runs again after an error, with growing
// pauses, and after a crash.
func Work[T Args](timeout time.Duration, fn func(ctx context.Context, args T) error) Worker {
	var zero T
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return Worker{kind: zero.Kind(), add: func(c *Client, to *river.Workers) error {
		return river.AddWorkerSafely(to, &worker[T]{
			client:  c,
			name:    func(T) string { return zero.Kind() },
			timeout: func(T) time.Duration { return timeout },
			work:    func(ctx context.Context, job *river.Job[T]) error { return fn(ctx, job.Args) },
		})
	}}
}

// worker adapts a function to the queue.
type worker[T Args] struct {
	river.WorkerDefaults[T]
	client  *Client
	name    func(T) string // for metrics and logs
	timeout func(T) time.Duration
	work    func(ctx context.Context, job *river.Job[T]) error
}

// Timeout tells the queue when a run may be taken for dead. The run's own bound is
// shorter, so that a slow job ends before another replica takes it over.
func (w *worker[T]) Timeout(job *river.Job[T]) time.Duration {
	return w.timeout(job.Args) + rescueSlack
}

// Work runs the job within its own bound, contains panics and counts.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	bound, cancel := context.WithTimeout(ctx, w.timeout(job.Args))
	defer cancel()
	err := w.client.measured(bound, w.name(job.Args), func(ctx context.Context) error { return w.work(ctx, job) })
	if err != nil && ctx.Err() != nil {
		return river.JobSnooze(0) // interrupted by a shutdown: somebody else goes on at once
	}
	return err
}
