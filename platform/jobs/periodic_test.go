package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/platformtest"
)

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestOncePerInterval runs two replicas on one PostgreSQL, and one process on SQLite, and
// counts the runs of every interval.
func TestOncePerInterval(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		const every = 2 * time.Second
		var mu sync.Mutex
		var times []time.Time
		periodic := []jobs.Periodic{{
			Name: "count_runs", Every: every,
			Run: func(context.Context) (jobs.Report, error) {
				mu.Lock()
				defer mu.Unlock()
				times = append(times, time.Now())
				return jobs.Report{"counted": int64(len(times))}, nil
			},
		}}
		replicas := 2
		if b.Name == "sqlite" {
			replicas = 1
		}
		first := working(t, b, jobs.Settings{}, periodic, nil)
		for range replicas - 1 {
			working(t, b, jobs.Settings{}, periodic, nil)
		}
		runs := func() int {
			mu.Lock()
			defer mu.Unlock()
			return len(times)
		}
		platformtest.Eventually(t, 30*time.Second, "a few intervals", func() bool { return runs() >= 4 })
		if b.Name == "postgres" { // the leader may be the one that leaves
			stop(t, first)
			working(t, b, jobs.Settings{}, periodic, nil)
			have := runs()
			platformtest.Eventually(t, 60*time.Second, "runs after a replica left", func() bool { return runs() >= have+2 })
		}
		mu.Lock()
		defer mu.Unlock()
		for i := 1; i < len(times); i++ {
			// The first run makes up for the interval that had begun; the others keep to
			// the interval, give or take the queue's latency.
			if gap := times[i].Sub(times[i-1]); i > 1 && gap < every/2 {
				t.Errorf("runs %d and %d are only %s apart", i-1, i, gap)
			}
		}
	})
}

// A process that was killed leaves an unfinished term as the one who enqueues. On SQLite
// the next process does not wait for its end.
func TestKilledLeaderIsSucceeded(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw(`INSERT INTO river_leader (elected_at, expires_at, leader_id, name)
	VALUES (datetime('now'), datetime('now', '+1 hour'), 'killed', 'default')`).Exec(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var runs atomic.Int64
	working(t, b, jobs.Settings{}, []jobs.Periodic{{
		Name: "count_runs", Every: time.Second,
		Run: func(context.Context) (jobs.Report, error) { runs.Add(1); return nil, nil },
	}}, nil)
	platformtest.Eventually(t, 20*time.Second, "a run", func() bool { return runs.Load() > 0 })
}

func TestOutcomesAreBooked(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		fail := false
		b.Log = quietLog()
		c := jobs.New(b.DB, b.Clock, b.Log, jobs.Settings{})
		err := c.Register([]jobs.Periodic{{
			Name: "cleanup_things", Doc: "Cleans things up.", Every: time.Minute,
			Run: func(context.Context) (jobs.Report, error) {
				if fail {
					return nil, errors.New("the broom is broken")
				}
				return jobs.Report{"cleaned": 3}, nil
			},
		}, {
			Name: "break_things", Every: time.Minute,
			Run: func(context.Context) (jobs.Report, error) { panic("broken") },
		}, {
			Name: "wait_long", Every: time.Minute, Timeout: 20 * time.Millisecond,
			Run: func(ctx context.Context) (jobs.Report, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
		}}, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		report, err := c.RunOnce(t.Context(), "cleanup_things")
		if err != nil || report["cleaned"] != 3 {
			t.Errorf("RunOnce = %v, %v", report, err)
		}
		status := func(name string) jobs.Status {
			t.Helper()
			all, err := c.Status(t.Context())
			if err != nil || len(all) != 3 {
				t.Fatalf("%v, %v", all, err)
			}
			for _, s := range all {
				if s.Name == name {
					return s
				}
			}
			t.Fatalf("no status of %s", name)
			return jobs.Status{}
		}
		s := status("cleanup_things")
		if s.LastResult != "ok" || s.LastError != "" || !s.LastRun.Equal(b.Clock.Now()) || s.Runs != 1 || s.Failures != 0 || !maps.Equal(s.LastReport, jobs.Report{"cleaned": 3}) {
			t.Errorf("status %+v", s)
		}
		fail = true
		b.Clock.Advance(time.Hour)
		if _, err := c.RunOnce(t.Context(), "cleanup_things"); err == nil {
			t.Error("the failure is gone")
		}
		s = status("cleanup_things")
		if s.LastResult != "error" || s.LastError != "the broom is broken" || s.Runs != 2 || s.Failures != 1 || !s.LastRun.Equal(b.Clock.Now()) {
			t.Errorf("status %+v", s)
		}
		if s := status("break_things"); !s.LastRun.IsZero() || s.LastResult != "" {
			t.Errorf("a job that never ran: %+v", s)
		}
		if _, err := c.RunOnce(t.Context(), "break_things"); err == nil || status("break_things").LastResult != "panic" || status("break_things").Failures != 1 {
			t.Errorf("a panic: %v", err)
		}
		if _, err := c.RunOnce(t.Context(), "wait_long"); !errors.Is(err, context.DeadlineExceeded) || status("wait_long").LastResult != "timeout" || status("wait_long").Failures != 1 {
			t.Errorf("a timeout: %v", err)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := c.RunOnce(gone, "wait_long"); !errors.Is(err, context.Canceled) || status("wait_long").LastResult != "interrupted" || status("wait_long").Failures != 1 {
			t.Errorf("an interruption: %v", err)
		}
		if _, err := c.RunOnce(t.Context(), "no_such"); err == nil || !strings.Contains(err.Error(), "break_things, cleanup_things") {
			t.Errorf("an unknown job: %v", err)
		}
	})
}

func TestRegisterComplainsOfEverything(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	run := func(context.Context) (jobs.Report, error) { return nil, nil }
	c := jobs.New(b.DB, b.Clock, b.Log, jobs.Settings{})
	var done counter
	later := events.Later("a.b", 0, func(context.Context, heard) error { return nil })
	err := c.Register([]jobs.Periodic{
		{Name: "good_one", Every: time.Second, Run: run},
		{Name: "good_one", Every: time.Second, Run: run},
		{Name: "Bad", Every: time.Second, Run: run},
		{Name: "too_often", Every: time.Millisecond, Run: run},
		{Name: "nothing_to_run", Every: time.Second},
	}, []jobs.Worker{done.worker(0), done.worker(0)}, []events.Subscription{later, later})
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, complaint := range []string{"called good_one", `"Bad"`, "too_often", "nothing_to_run", "test_note", "a.b"} {
		if !strings.Contains(err.Error(), complaint) {
			t.Errorf("no word of %s in: %v", complaint, err)
		}
	}
	if list := c.List(); len(list) != 1 || list[0].Name != "good_one" {
		t.Errorf("list %+v", list)
	}
}

// TestIntervalIsTakenOnce starts a process in an interval that another has taken, as after
// a restart or when the queue has forgotten its finished jobs.
func TestIntervalIsTakenOnce(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		slot := time.Now().Add(time.Second).Truncate(24 * time.Hour).Unix()
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO platform_jobs (name, slot, taken_by) VALUES ('count_taken', ?, 12345), ('count_free', ?, 12345)", slot, slot-86400)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var taken, free atomic.Int64
		count := func(n *atomic.Int64) func(context.Context) (jobs.Report, error) {
			return func(context.Context) (jobs.Report, error) {
				n.Add(1)
				return nil, nil
			}
		}
		working(t, b, jobs.Settings{}, []jobs.Periodic{
			{Name: "count_taken", Every: 24 * time.Hour, Run: count(&taken)},
			{Name: "count_free", Every: 24 * time.Hour, Run: count(&free)},
		}, nil)
		platformtest.Eventually(t, 20*time.Second, "both runs to be decided", func() bool { return queued(t, b, "state = 'completed'") == 2 })
		if taken.Load() != 0 || free.Load() != 1 {
			t.Errorf("the taken interval ran %d times, the free one %d", taken.Load(), free.Load())
		}
	})
}

// TestBrokenRunsAreContained lets periodic jobs panic and take too long: each is counted
// and booked, not repeated within the interval, and harms no other.
func TestBrokenRunsAreContained(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		reg := prometheus.NewRegistry()
		b.Log = quietLog()
		var panics, waits, fine atomic.Int64
		const every = 24 * time.Hour
		c := working(t, b, jobs.Settings{Registerer: reg}, []jobs.Periodic{
			{Name: "break_things", Every: every, Run: func(context.Context) (jobs.Report, error) {
				panics.Add(1)
				panic("broken")
			}},
			{Name: "wait_long", Every: every, Timeout: 20 * time.Millisecond, Run: func(ctx context.Context) (jobs.Report, error) {
				waits.Add(1)
				<-ctx.Done()
				return nil, ctx.Err()
			}},
			{Name: "work_well", Every: every, Run: func(context.Context) (jobs.Report, error) {
				fine.Add(1)
				return nil, nil
			}},
		}, nil)
		platformtest.Eventually(t, 30*time.Second, "every run to be decided", func() bool {
			return queued(t, b, "state = 'cancelled'") == 2 && queued(t, b, "state = 'completed'") == 1
		})
		if panics.Load() != 1 || waits.Load() != 1 || fine.Load() != 1 {
			t.Errorf("%d, %d and %d runs of one interval", panics.Load(), waits.Load(), fine.Load())
		}
		all, err := c.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"panic", "timeout", "ok"} {
			if all[i].LastResult != want || all[i].Runs != 1 || all[i].Failures != int64(min(2-i, 1)) {
				t.Errorf("the book says %+v", all[i])
			}
			if n := count(t, reg, all[i].Name, want); n != 1 {
				t.Errorf("jobs_total{name=%q, result=%q} = %v", all[i].Name, want, n)
			}
		}
	})
}
