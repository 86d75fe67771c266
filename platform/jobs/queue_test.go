package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/platformtest"
)

func TestEnqueueIsPartOfTheTransaction(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		before := b.Statements()
		enqueue(t, b, b.Jobs, "kept") // by a client that only enqueues
		if n := b.Statements() - before; n > 2 {
			t.Errorf("enqueuing took %d statements", n)
		}
		var done counter
		c := working(t, b, jobs.Settings{}, nil, []jobs.Worker{done.worker(0)})
		failure := errors.New("no")
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := c.Enqueue(ctx, tx, note{ID: "lost"}); err != nil {
				return err
			}
			return failure
		})
		if !errors.Is(err, failure) {
			t.Fatal(err)
		}
		platformtest.Eventually(t, 10*time.Second, "the job to be done", func() bool { return done.n.Load() > 0 })
		platformtest.Eventually(t, 10*time.Second, "the job to be recorded", func() bool { return queued(t, b, "state = 'completed'") == 1 })
		if n := done.n.Load(); n != 1 || queued(t, b, "true") != 1 {
			t.Errorf("%d jobs were done", n)
		}
	})
}

// TestManyWritersEnqueue is the load that SQLite's one writer must stand: 64 transactions
// that enqueue at the same time, while the queue works on the same file.
func TestManyWritersEnqueue(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		var done counter
		c := working(t, b, jobs.Settings{}, nil, []jobs.Worker{done.worker(0)})
		const writers, each = 64, 3
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
						return c.Enqueue(ctx, tx, note{ID: fmt.Sprintf("%d-%d", w, i)})
					})
					if err != nil {
						t.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		wg.Wait()
		platformtest.Eventually(t, 60*time.Second, "every job to be done", func() bool { return done.n.Load() >= writers*each })
		if n := done.n.Load(); n != writers*each {
			t.Errorf("%d runs of %d jobs", n, writers*each)
		}
	})
}

// heard is an event for later subscribers.
type heard struct {
	ID string `json:"id"`
}

func (heard) Name() string { return "test.thing.heard" }

func TestEventsAreDeliveredLater(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		var got atomic.Value
		subscription := events.Later("test.hear_thing", time.Second, func(_ context.Context, e heard) error {
			got.Store(e.ID)
			return nil
		})
		elsewhere := events.Later("other.hear_thing", time.Second, func(context.Context, heard) error { return nil })
		c := working(t, b, jobs.Settings{}, nil, nil, subscription)
		b.Bus.Subscribe(c, subscription, elsewhere) // the second is on a replica of another release
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			return b.Bus.Publish(ctx, tx, heard{ID: "x"})
		})
		if err != nil {
			t.Fatal(err)
		}
		platformtest.Eventually(t, 10*time.Second, "the event", func() bool { return got.Load() == "x" })
		platformtest.Eventually(t, 10*time.Second, "the other delivery to wait for its subscriber", func() bool {
			return queued(t, b, "state = 'scheduled'") == 1 && queued(t, b, "state = 'completed'") == 1
		})
	})
}

func TestFailuresAndPanicsAreContainedAndCounted(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		reg := prometheus.NewRegistry()
		var runs atomic.Int64
		flaky := jobs.Work(0, func(_ context.Context, n note) error {
			switch runs.Add(1) {
			case 1:
				panic("a broken job")
			case 2:
				return errors.New("not yet")
			}
			return nil
		})
		b.Log = quietLog()
		c := working(t, b, jobs.Settings{Registerer: reg}, nil, []jobs.Worker{flaky})
		enqueue(t, b, c, "x")
		// Each attempt waits for its pause and for the queue's scheduler; the test moves
		// the job up instead.
		for attempt := int64(1); attempt < 3; attempt++ {
			platformtest.Eventually(t, 10*time.Second, "an attempt to fail", func() bool {
				return runs.Load() == attempt && queued(t, b, "state IN ('retryable', 'available')") == 1
			})
			moveUp(t, b)
		}
		platformtest.Eventually(t, 10*time.Second, "the job to succeed", func() bool { return queued(t, b, "state = 'completed'") == 1 })
		for result, want := range map[string]float64{"panic": 1, "error": 1, "ok": 1} {
			if got := count(t, reg, "test_note", result); got != want {
				t.Errorf("jobs_total{result=%q} = %v, want %v", result, got, want)
			}
		}
		if n, err := testutil.GatherAndCount(reg, "job_duration_seconds"); err != nil || n != 1 {
			t.Errorf("job_duration_seconds has %d series, %v", n, err)
		}
	})
}

// moveUp makes waiting jobs available now.
func moveUp(t *testing.T, b platformtest.Backend) {
	t.Helper()
	err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE river_job SET state = 'available', scheduled_at = ? WHERE state = 'retryable'", time.Now().Add(-time.Minute))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, reg *prometheus.Registry, name, result string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, l := range metric.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if family.GetName() == "jobs_total" && labels["name"] == name && labels["result"] == result {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

func TestStopWaitsForRunningJobs(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		running, finish := make(chan struct{}), make(chan struct{})
		var finished atomic.Bool
		c := working(t, b, jobs.Settings{}, nil, []jobs.Worker{jobs.Work(0, func(context.Context, note) error {
			close(running)
			<-finish
			finished.Store(true)
			return nil
		})})
		enqueue(t, b, c, "x")
		<-running
		stopped := make(chan struct{})
		go func() {
			stop(t, c)
			close(stopped)
		}()
		select {
		case <-stopped:
			t.Error("stopped while a job was running")
		case <-time.After(50 * time.Millisecond):
		}
		close(finish)
		<-stopped
		if !finished.Load() || queued(t, b, "state = 'completed'") != 1 {
			t.Error("the running job was not waited for")
		}
	})
}

func TestStopHandsOnWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		running := make(chan struct{}, 1)
		first := working(t, b, jobs.Settings{StopTimeout: 100 * time.Millisecond}, nil, []jobs.Worker{jobs.Work(0, func(ctx context.Context, _ note) error {
			running <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		})})
		enqueue(t, b, first, "x")
		<-running
		began := time.Now()
		stop(t, first)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("stopping took %s", took)
		}
		var done counter
		working(t, b, jobs.Settings{}, nil, []jobs.Worker{done.worker(0)})
		platformtest.Eventually(t, 10*time.Second, "another process to do the job", func() bool { return done.n.Load() == 1 })
		if queued(t, b, "attempt > 1") != 0 {
			t.Error("the interruption counted as a failed attempt")
		}
	})
}

// TestRescue is kill -9: a job that is marked as running by a process that is gone.
func TestRescue(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		enqueue(t, b, b.Jobs, "dead")
		enqueue(t, b, b.Jobs, "alive")
		mark := func(id int64, ago time.Duration) {
			err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				by := "'{\"gone\"}'"
				if b.Name == "sqlite" {
					by = "jsonb('[\"gone\"]')"
				}
				_, err := tx.ExecContext(ctx, "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = ?, attempted_by = "+by+" WHERE id = ?", time.Now().Add(-ago), id)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		mark(1, time.Minute)
		mark(2, 5*time.Second)
		var done counter
		working(t, b, jobs.Settings{}, nil, []jobs.Worker{done.worker(0)})
		platformtest.Eventually(t, 30*time.Second, "the dead process's job to be done", func() bool { return done.n.Load() == 1 })
		if queued(t, b, "id = 2 AND state = 'running'") != 1 {
			t.Error("the job that may still run was taken over")
		}
	})
}

func TestEnqueueAtWaits(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			return b.Jobs.EnqueueAt(ctx, tx, note{ID: "later"}, time.Now().Add(time.Hour))
		})
		if err != nil || queued(t, b, "state = 'scheduled'") != 1 {
			t.Errorf("EnqueueAt: %v", err)
		}
	})
}
