package jobs_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/platformtest"
)

// note is a queued job.
type note struct {
	ID string `json:"id"`
}

func (note) Kind() string { return "test_note" }

// working returns a started client that does the given jobs, which stops with the test.
func working(t *testing.T, b platformtest.Backend, settings jobs.Settings, periodic []jobs.Periodic, workers []jobs.Worker, later ...events.Subscription) *jobs.Client {
	t.Helper()
	settings.InProcess = true
	c := jobs.New(b.DB, clock.System{}, b.Log, settings)
	if err := c.Register(periodic, workers, later); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("starting took %s", took)
	}
	t.Cleanup(func() { stop(t, c) })
	return c
}

func stop(t *testing.T, c *jobs.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// enqueue puts a note into the queue.
func enqueue(t *testing.T, b platformtest.Backend, c *jobs.Client, id string) {
	t.Helper()
	err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return c.Enqueue(ctx, tx, note{ID: id}) })
	if err != nil {
		t.Fatal(err)
	}
}

// counter counts what was done, by id.
type counter struct{ n atomic.Int64 }

func (c *counter) worker(timeout time.Duration) jobs.Worker {
	return jobs.Work(timeout, func(context.Context, note) error {
		c.n.Add(1)
		return nil
	})
}

func queued(t *testing.T, b platformtest.Backend, where string) int64 {
	t.Helper()
	n, err := b.DB.Read().NewSelect().Table("river_job").Where(where).Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}
