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
			Name: "jobs_total", Help: "Runs of jobs by name and result (ok, error, panic).",
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

// measured runs fn, contains its panic, and counts and logs the outcome.
func (c *Client) measured(ctx context.Context, name string, fn func(ctx context.Context) error) error {
	started := c.reading()
	err := contained(ctx, fn)
	took := c.reading().Sub(started)
	c.metrics.duration.WithLabelValues(name).Observe(took.Seconds())
	switch snooze := (*river.JobSnoozeError)(nil); {
	case err == nil:
		c.metrics.total.WithLabelValues(name, "ok").Inc()
		c.log.DebugContext(ctx, "job done", "job", name, "took", took)
	case errors.As(err, &snooze):
	case errors.Is(err, errPanic):
		c.metrics.total.WithLabelValues(name, "panic").Inc()
		c.log.ErrorContext(ctx, "job panicked", "job", name, "took", took, "err", err)
	default:
		c.metrics.total.WithLabelValues(name, "error").Inc()
		c.log.ErrorContext(ctx, "job failed", "job", name, "took", took, "err", err)
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
