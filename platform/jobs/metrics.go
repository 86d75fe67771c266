package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
)

// metrics counts and times runs.
type metrics struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

// newMetrics returns the metrics, registered unless reg is nil.
func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "jobs_total", Help: "Runs of jobs by name and result (ok, error, panic, timeout, interrupted).",
		}, []string{"name", "result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "job_duration_seconds", Help: "How long runs of jobs took.",
			Buckets: []float64{.001, .01, .1, 1, 10, 60, 600},
		}, []string{"name"}),
	}
	if reg != nil {
		reg.MustRegister(m.total, m.duration)
	}
	return m
}

// errPanic is the error of a run that panicked.
var errPanic = errors.New("the job panicked")

// The results of runs, as metrics and the book show them.
const (
	resultOK    = "ok"
	resultError = "error"
	resultPanic = "panic"
	// resultTimeout is a run that failed because its time was over.
	resultTimeout = "timeout"
	// resultInterrupted is a run that a shutdown broke off. It is no failure: the job
	// goes back to the queue.
	resultInterrupted = "interrupted"
)

// resultOf names how a run within ctx went that returned err.
func resultOf(ctx context.Context, err error) string {
	switch {
	case err == nil:
		return resultOK
	case errors.Is(err, errPanic):
		return resultPanic
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return resultTimeout
	case errors.Is(ctx.Err(), context.Canceled):
		return resultInterrupted
	default:
		return resultError
	}
}

// measured runs fn, contains its panic, and counts and logs the outcome.
func (c *Client) measured(ctx context.Context, name string, fn func(ctx context.Context) error) error {
	started := c.reading()
	err := contained(ctx, fn)
	took := c.reading().Sub(started)
	c.metrics.duration.WithLabelValues(name).Observe(took.Seconds())
	if snooze := (*river.JobSnoozeError)(nil); errors.As(err, &snooze) {
		return err
	}
	result := resultOf(ctx, err)
	c.metrics.total.WithLabelValues(name, result).Inc()
	switch result {
	case resultOK:
		c.log.DebugContext(ctx, "job done", "job", name, "took", took)
	case resultInterrupted:
		c.log.InfoContext(ctx, "job interrupted", "job", name, "took", took)
	default:
		c.log.ErrorContext(ctx, "job failed", "job", name, "result", result, "took", took, "err", err)
	}
	return err
}

// contained runs fn and turns its panic into an error.
func contained(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	return fn(ctx)
}

// reading is the time for durations, monotonic where the clock offers it.
func (c *Client) reading() time.Time {
	if m, ok := c.clock.(interface{ Reading() time.Time }); ok {
		return m.Reading()
	}
	return c.clock.Now()
}
