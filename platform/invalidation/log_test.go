package invalidation_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/platformtest"
)

// replica starts one more log on the database.
func replica(t testing.TB, b platformtest.Backend, s invalidation.Settings) *invalidation.Log {
	t.Helper()
	l := invalidation.New(b.DB, clock.System{}, b.Log, s)
	begin(t, l)
	return l
}

func begin(t testing.TB, l *invalidation.Log) {
	t.Helper()
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Stop(context.Background()) })
}

// record commits entries.
func record(t testing.TB, b platformtest.Backend, l *invalidation.Log, entries ...invalidation.Entry) {
	t.Helper()
	err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return l.Record(ctx, tx, entries...) })
	if err != nil {
		t.Fatal(err)
	}
}

// stamp reads the stamp that a read made now would get.
func stamp(t testing.TB, b platformtest.Backend, l *invalidation.Log) invalidation.Position {
	t.Helper()
	var p invalidation.Position
	if err := b.DB.Prepare("SELECT " + l.StampSQL()).QueryRow(t.Context()).Scan(&p); err != nil {
		t.Fatal(err)
	}
	return p
}

// eventuallyTrusted waits until a value of the subject that is read now is trusted. On
// PostgreSQL that takes as long as transactions run that began before the entry, other
// tests' on the same server among them.
func eventuallyTrusted(t testing.TB, b platformtest.Backend, l *invalidation.Log, kind, id string) {
	t.Helper()
	platformtest.Eventually(t, 5*time.Second, "trust in what is read now of "+id, func() bool {
		return !l.Stale(kind, id, stamp(t, b, l))
	})
}

func session(id string) invalidation.Entry {
	return invalidation.Entry{Kind: invalidation.KindSession, Subject: id}
}

func eventuallyStale(t testing.TB, l *invalidation.Log, id string, at invalidation.Position) {
	t.Helper()
	platformtest.Eventually(t, 2*time.Second, "the other replica to learn of "+id, func() bool {
		return l.Stale(invalidation.KindSession, id, at)
	})
}

func TestRecordIsSeen(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		here, there := replica(t, b, invalidation.Settings{}), replica(t, b, invalidation.Settings{})
		before := stamp(t, b, here)
		if here.Stale("session", "a", before) || there.Stale("session", "a", before) {
			t.Fatal("stale before anything happened")
		}
		record(t, b, here, session("a"), invalidation.Entry{Kind: "user", Subject: "u"})
		if !here.Stale("session", "a", before) || !here.Stale("user", "u", before) {
			t.Fatal("the replica that recorded does not see its own entry at once")
		}
		eventuallyStale(t, there, "a", before)
		for _, l := range []*invalidation.Log{here, there} {
			eventuallyTrusted(t, b, l, "session", "a")
			eventuallyTrusted(t, b, l, "user", "u")
			if l.Stale("session", "b", before) || l.Stale("user", "a", before) {
				t.Error("another subject is stale")
			}
			if !l.Stale("session", "b", 0) {
				t.Error("a value without a stamp is trusted")
			}
			if !l.Fresh() || l.Check(t.Context()) != nil {
				t.Error("a running log is not fresh")
			}
		}
	})
}

// TestRollbackRecordsNothing shows that only what is committed counts.
func TestRollbackRecordsNothing(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		l := replica(t, b, invalidation.Settings{})
		before := stamp(t, b, l)
		err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			if err := l.Record(ctx, tx, session("a")); err != nil {
				return err
			}
			return context.Canceled
		})
		if err == nil {
			t.Fatal("the transaction was committed")
		}
		record(t, b, l, session("b"))
		eventuallyStale(t, l, "b", before)
		if l.Stale("session", "a", before) {
			t.Error("an entry that was rolled back counts")
		}
	})
}

// TestManyEntries crosses the size of one statement, with text that must not be read as SQL.
func TestManyEntries(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		here, there := replica(t, b, invalidation.Settings{}), replica(t, b, invalidation.Settings{})
		before := stamp(t, b, here)
		entries := []invalidation.Entry{session("'); DROP TABLE platform_invalidations; --"), session("?")}
		for i := range 2500 {
			entries = append(entries, session(fmt.Sprint(i)))
		}
		n := b.Statements()
		record(t, b, here, entries[:1000]...)
		if b.Name == "postgres" && b.Statements()-n != 1 {
			t.Errorf("a thousand entries took %d statements", b.Statements()-n)
		}
		record(t, b, here, entries[1000:]...)
		record(t, b, here)
		for _, e := range entries {
			if !here.Stale(e.Kind, e.Subject, before) {
				t.Fatalf("%q is missing here", e.Subject)
			}
			eventuallyStale(t, there, e.Subject, before)
		}
	})
}

// TestStart shows what a replica knows that was not there when things happened.
func TestStart(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		first := replica(t, b, invalidation.Settings{})
		unstarted := invalidation.New(b.DB, clock.System{}, b.Log, invalidation.Settings{})
		begun := stamp(t, b, first)
		stamps := make([]invalidation.Position, 20)
		for i := range stamps {
			stamps[i] = stamp(t, b, first)
			record(t, b, first, session(fmt.Sprint(i)))
		}
		eventuallyTrusted(t, b, first, "session", "19")
		end := stamp(t, b, first)
		if !unstarted.Stale("session", "x", end) || unstarted.Fresh() || unstarted.Check(t.Context()) == nil || unstarted.Epoch() != "" {
			t.Error("a log that was not started is trusted")
		}
		all := replica(t, b, invalidation.Settings{})
		some := replica(t, b, invalidation.Settings{LoadAtStart: 10})
		for i, s := range stamps {
			for name, l := range map[string]*invalidation.Log{"all": all, "some": some} {
				if !l.Stale("session", fmt.Sprint(i), s) {
					t.Errorf("%s: entry %d is unknown", name, i)
				}
			}
			if all.Stale("session", "x", s) {
				t.Errorf("all: another subject read at %d is stale", i)
			}
		}
		if !some.Stale("session", "x", begun) || !some.Stale("session", "x", stamps[9]) {
			t.Error("what was read before the oldest loaded entry is trusted")
		}
		if some.Stale("session", "x", end) {
			t.Error("what was read after the newest entry is stale")
		}
	})
}

// TestOverflow shows that a full index forgets subjects by calling more stale, never less.
func TestOverflow(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		l := replica(t, b, invalidation.Settings{Subjects: 256})
		before := stamp(t, b, l)
		for i := range 50 {
			entries := make([]invalidation.Entry, 50)
			for j := range entries {
				entries[j] = session(fmt.Sprint(i, "-", j))
			}
			record(t, b, l, entries...)
		}
		for i := range 50 {
			for j := range 50 {
				if !l.Stale("session", fmt.Sprint(i, "-", j), before) {
					t.Fatalf("entry %d-%d was forgotten", i, j)
				}
			}
		}
		if !l.Stale("session", "x", before) {
			t.Error("the floor did not rise")
		}
		eventuallyTrusted(t, b, l, "session", "x")
	})
}

func TestEpoch(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		here, there := replica(t, b, invalidation.Settings{}), replica(t, b, invalidation.Settings{})
		old, before := here.Epoch(), stamp(t, b, here)
		if old == "" || there.Epoch() != old {
			t.Fatalf("epochs are %q and %q", old, there.Epoch())
		}
		if err := b.DB.InTx(t.Context(), here.BumpEpoch); err != nil {
			t.Fatal(err)
		}
		if !here.Stale("session", "x", before) {
			t.Error("what was read before the bump is trusted here")
		}
		platformtest.Eventually(t, 2*time.Second, "the new epoch on both replicas", func() bool {
			return here.Epoch() != old && here.Epoch() == there.Epoch()
		})
		if !there.Stale("session", "x", before) {
			t.Error("what was read before the bump is trusted there")
		}
		late := replica(t, b, invalidation.Settings{})
		if late.Epoch() != here.Epoch() || !late.Stale("session", "x", before) {
			t.Error("a replica that starts later sees another epoch")
		}
		for _, l := range []*invalidation.Log{here, there, late} {
			eventuallyTrusted(t, b, l, "session", "x")
		}
	})
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		var mu sync.Mutex
		var got []string
		here := replica(t, b, invalidation.Settings{})
		there := invalidation.New(b.DB, clock.System{}, b.Log, invalidation.Settings{})
		there.Subscribe("keys", func(subject string) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, subject)
			if subject == "bad" && len(got) < 5 {
				panic("a subscriber's fault")
			}
		})
		begin(t, there)
		for _, subject := range []string{"1", "2", "bad", "3"} {
			record(t, b, here, invalidation.Entry{Kind: "keys", Subject: subject}, session("s"))
		}
		platformtest.Eventually(t, 3*time.Second, "every subject", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(got, "3") && slices.Contains(got, "1")
		})
		platformtest.Eventually(t, 3*time.Second, "trust after a panic", there.Fresh)
		mu.Lock()
		defer mu.Unlock()
		if slices.Contains(got, "s") {
			t.Errorf("another kind's subject arrived: %v", got)
		}
	})
}

// TestPrune removes old rows without making anything trusted that was not.
func TestPrune(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		l := replica(t, b, invalidation.Settings{})
		before := stamp(t, b, l)
		record(t, b, l, session("a"), session("b"))
		if n, err := l.Prune(t.Context(), time.Now().Add(-time.Hour)); err != nil || n != 0 {
			t.Fatalf("pruned %d young rows, %v", n, err)
		}
		eventuallyPruned(t, l, 2)
		if !l.Stale("session", "a", before) {
			t.Error("pruning changed what a running replica knows")
		}
		late := replica(t, b, invalidation.Settings{})
		if !late.Stale("session", "a", before) || !late.Stale("session", "x", before) {
			t.Error("a replica that starts later trusts what the pruned rows were about")
		}
		eventuallyTrusted(t, b, late, "session", "a")
		// The mark that pruning left is pruned in its turn, and leaves one again.
		eventuallyPruned(t, l, 1)
		later := replica(t, b, invalidation.Settings{})
		if !later.Stale("session", "a", before) {
			t.Error("pruning twice made something trusted")
		}
		eventuallyTrusted(t, b, later, "session", "a")
	})
}

// TestPruneLeavesReadersAlone removes rows that a running replica has read: nothing else
// becomes stale for it.
func TestPruneLeavesReadersAlone(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		l := invalidation.New(b.DB, clock.System{}, b.Log, invalidation.Settings{})
		heard := make(chan struct{}, 16)
		l.Subscribe("mark", func(string) { heard <- struct{}{} })
		begin(t, l)
		tailed := func() {
			record(t, b, l, invalidation.Entry{Kind: "mark", Subject: "m"})
			<-heard
		}
		before := stamp(t, b, l)
		record(t, b, l, session("a"))
		eventuallyTrusted(t, b, l, "session", "a")
		tailed()
		if _, err := b.DB.Writer().ExecContext(t.Context(), "UPDATE platform_invalidations SET created_at = '2020-01-01T00:00:00Z' WHERE subject = 'a'"); err != nil {
			t.Fatal(err)
		}
		platformtest.Eventually(t, 5*time.Second, "pruning", func() bool {
			n, err := l.Prune(t.Context(), time.Now().Add(-time.Hour))
			return err == nil && n == 1
		})
		tailed()
		if !l.Stale("session", "a", before) || l.Stale("session", "x", before) {
			t.Error("pruning changed what a running replica knows")
		}
	})
}

// eventuallyPruned prunes every row, which has to wait for transactions that began before.
func eventuallyPruned(t *testing.T, l *invalidation.Log, want int64) {
	t.Helper()
	platformtest.Eventually(t, 5*time.Second, "pruning", func() bool {
		n, err := l.Prune(t.Context(), time.Now().Add(time.Hour))
		if err != nil || (n != 0 && n != want) {
			t.Fatalf("pruned %d rows, %v; want %d", n, err, want)
		}
		return n == want
	})
}

func TestStartNeedsTheTables(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		if err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("DELETE FROM platform_state").Exec(ctx)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		l := invalidation.New(b.DB, clock.System{}, b.Log, invalidation.Settings{})
		if err := l.Start(t.Context()); err == nil {
			_ = l.Stop(context.Background())
			t.Fatal("a log without its tables started")
		}
		if err := l.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestStaleAllocatesNothing pins the hot path.
func TestStaleAllocatesNothing(t *testing.T) {
	b := platformtest.SQLite(t)
	l := replica(t, b, invalidation.Settings{})
	record(t, b, l, session("a"))
	at := stamp(t, b, l)
	if n := testing.AllocsPerRun(1000, func() { _ = l.Fresh() && l.Stale("session", "a", at) && l.Stale("user", "u", at) }); n != 0 {
		t.Errorf("a check allocates %v times", n)
	}
}

func TestWaitSeen(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	l := replica(t, b, invalidation.Settings{})
	start := time.Now()
	if err := l.WaitSeen(t.Context()); err != nil || time.Since(start) < 2*time.Second {
		t.Errorf("waited %s, %v", time.Since(start), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.WaitSeen(ctx); err == nil {
		t.Error("the end of the context is not told")
	}
}

func BenchmarkStale(b *testing.B) {
	backend := platformtest.SQLite(b)
	l := replica(b, backend, invalidation.Settings{})
	at := stamp(b, backend, l)
	for i := range 100 {
		entries := make([]invalidation.Entry, 1000)
		for j := range entries {
			entries[j] = session(fmt.Sprint(i*1000 + j))
		}
		record(b, backend, l, entries...)
	}
	const subject = "01890000-0000-7000-8000-000000000000"
	b.Run("stale", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Stale("session", subject, at)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				l.Stale("session", subject, at)
			}
		})
	})
	b.Run("fresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l.Fresh()
		}
	})
}
