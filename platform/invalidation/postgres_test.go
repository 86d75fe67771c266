package invalidation_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// two returns two replicas with database handles of their own on one PostgreSQL.
func two(t *testing.T) (b platformtest.Backend, here, there *invalidation.Log) {
	t.Helper()
	b = platformtest.Postgres(t)
	other := b
	other.DB = platformtest.OpenDB(t, database.Settings{URL: secret.New(url(t, b)), Strict: true})
	return b, replica(t, b, invalidation.Settings{}), replica(t, other, invalidation.Settings{})
}

// url is where the backend's database is.
func url(t testing.TB, b platformtest.Backend) string {
	t.Helper()
	return b.DB.Pool().Config().ConnString()
}

// held is a transaction that stays open until end is called.
type held struct {
	end  func()
	done chan error
}

func hold(t *testing.T, b platformtest.Backend, fn func(ctx context.Context, tx bun.Tx) error) held {
	t.Helper()
	begun, release := make(chan struct{}), make(chan struct{})
	h := held{done: make(chan error, 1), end: sync.OnceFunc(func() { close(release) })}
	t.Cleanup(h.end)
	go func() {
		h.done <- b.DB.InTx(context.Background(), func(ctx context.Context, tx bun.Tx) error {
			err := fn(ctx, tx)
			close(begun)
			<-release
			return err
		})
	}()
	<-begun
	return h
}

func (h held) commit(t *testing.T) {
	t.Helper()
	h.end()
	if err := <-h.done; err != nil {
		t.Fatal(err)
	}
}

// TestFillAcrossRevocation is the race that the log exists for: the row is read, then
// revoked, and then what was read is cached. No replica may trust it, whichever way the
// entry reached it.
func TestFillAcrossRevocation(t *testing.T) {
	t.Parallel()
	b, here, there := two(t)
	revocation := hold(t, b, func(ctx context.Context, tx bun.Tx) error { return here.Record(ctx, tx, session("s")) })
	read := stamp(t, b, there)
	if there.Stale("session", "s", read) {
		t.Fatal("stale before the revocation was committed")
	}
	revocation.commit(t)
	if !here.Stale("session", "s", read) {
		t.Error("the replica that revoked trusts what was read before")
	}
	eventuallyStale(t, there, "s", read)
	if late := replica(t, b, invalidation.Settings{}); !late.Stale("session", "s", read) {
		t.Error("a replica that starts later trusts what was read before")
	}
	eventuallyTrusted(t, b, there, "session", "s")
}

// TestLongTransaction shows that a transaction that runs long hides none that commit
// before it, and is not missed when it commits at last, though its id is the lowest.
func TestLongTransaction(t *testing.T) {
	t.Parallel()
	b, here, there := two(t)
	long := hold(t, b, func(ctx context.Context, tx bun.Tx) error { return here.Record(ctx, tx, session("long")) })
	for i := range 30 {
		id := fmt.Sprint("short", i)
		before := stamp(t, b, here)
		record(t, b, here, session(id))
		eventuallyStale(t, there, id, before)
		if there.Stale("session", "long", before) {
			t.Fatal("what is not committed counts")
		}
	}
	read := stamp(t, b, here)
	long.commit(t)
	eventuallyStale(t, there, "long", read)
}

// TestRevocationRace reads and revokes at random moments: whatever was read before the
// revocation became visible is stale everywhere soon after.
func TestRevocationRace(t *testing.T) {
	t.Parallel()
	b, here, there := two(t)
	for i := range 20 {
		id := fmt.Sprint(i)
		var committed atomic.Bool
		var wg sync.WaitGroup
		stamps := make([][]invalidation.Position, 4)
		for reader := range stamps {
			wg.Go(func() {
				for !committed.Load() {
					// A revoked row would not be cached, so only reads that did not see the
					// entry are remembered.
					var at invalidation.Position
					var seen int
					err := b.DB.Prepare("SELECT "+there.StampSQL()+", (SELECT count(*) FROM platform_invalidations WHERE subject = ?)").
						QueryRow(t.Context(), id).Scan(&at, &seen)
					if err != nil {
						t.Error(err)
						return
					}
					if seen == 0 {
						stamps[reader] = append(stamps[reader], at)
					}
				}
			})
		}
		record(t, b, here, session(id))
		committed.Store(true)
		wg.Wait()
		for _, reader := range stamps {
			for _, at := range reader {
				if !here.Stale("session", id, at) {
					t.Fatal("trusted by the replica that revoked")
				}
				eventuallyStale(t, there, id, at)
			}
		}
	}
}

// TestNotified shows that the other replica hears of a commit and does not wait for its
// next poll.
func TestNotified(t *testing.T) {
	t.Parallel()
	b, here, there := two(t)
	var total time.Duration
	const rounds = 20
	for i := range rounds {
		at := stamp(t, b, here)
		record(t, b, here, session(fmt.Sprint(i)))
		start := time.Now()
		eventuallyStale(t, there, fmt.Sprint(i), at)
		total += time.Since(start)
	}
	if mean := total / rounds; mean > 100*time.Millisecond {
		t.Errorf("an entry takes %s to arrive", mean)
	}
}

// TestFrozenTail shows that a replica that cannot read the log trusts nothing after two
// seconds, and trusts again when it can, having missed nothing.
func TestFrozenTail(t *testing.T) {
	t.Parallel()
	b, here, there := two(t)
	before := stamp(t, b, here)
	conn, err := pgx.Connect(t.Context(), url(t, b))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE platform_state IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	if !there.Fresh() {
		t.Error("not fresh a moment after the last read")
	}
	frozen := time.Now()
	platformtest.Eventually(t, 4*time.Second, "an end of trust", func() bool { return !there.Fresh() })
	if d := time.Since(frozen); d < time.Second || d > 2500*time.Millisecond {
		t.Errorf("trust ended after %s", d)
	}
	record(t, b, here, session("meanwhile"))
	if there.Stale("session", "meanwhile", before) {
		t.Error("the tail was not frozen")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	platformtest.Eventually(t, 5*time.Second, "trust", there.Fresh)
	if !there.Stale("session", "meanwhile", before) {
		t.Error("fresh again and something was missed")
	}
}

// TestLostConnection shows that a tail whose connection is cut goes on and misses nothing.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	b, here, there := two(t)
	for i := range 5 {
		before := stamp(t, b, here)
		cut := 0
		err := b.DB.Prepare(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND query LIKE '%pg_visible_in_snapshot%' AND pid <> pg_backend_pid()`).
			QueryRow(t.Context()).Scan(&cut)
		if err != nil {
			t.Fatal(err)
		}
		record(t, b, here, session(fmt.Sprint(i)))
		eventuallyStale(t, there, fmt.Sprint(i), before)
	}
	if !there.Fresh() {
		t.Error("not fresh after reconnecting")
	}
}

// TestCutOffBeyondPruning shows that a replica that could not read for so long that rows
// which it has not read were pruned trusts nothing from before.
func TestCutOffBeyondPruning(t *testing.T) {
	t.Parallel()
	b, here, there := two(t)
	before := stamp(t, b, here)
	rename := func(from, to string) {
		if _, err := b.DB.Writer().ExecContext(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to); err != nil {
			t.Fatal(err)
		}
	}
	rename("platform_state", "platform_state_away")
	record(t, b, here, session("meanwhile"))
	eventuallyPruned(t, here, 1)
	rename("platform_state_away", "platform_state")
	// What was read in the first round after that counts: trust may not have ended meanwhile.
	record(t, b, here, session("later"))
	eventuallyStale(t, there, "later", before)
	if !there.Stale("session", "meanwhile", before) {
		t.Error("an entry that was pruned before it was read is missing")
	}
	eventuallyTrusted(t, b, there, "session", "meanwhile")
}

// TestForeignRows shows that rows which a dump brought from another server, whose
// transaction ids lie in this one's future, neither count nor stop anything.
func TestForeignRows(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t)
	if err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("INSERT INTO platform_invalidations (xid, kind, subject) SELECT (4000000000 + n)::text::xid8, 'session', 'f' || n FROM generate_series(1, 50) n").Exec(ctx)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	l := replica(t, b, invalidation.Settings{LoadAtStart: 10})
	before := stamp(t, b, l)
	record(t, b, l, session("a"))
	other := replica(t, b, invalidation.Settings{})
	for _, l := range []*invalidation.Log{l, other} {
		eventuallyStale(t, l, "a", before)
		eventuallyTrusted(t, b, l, "session", "f1")
		eventuallyTrusted(t, b, l, "session", "a")
	}
	platformtest.Eventually(t, 5*time.Second, "pruning of all rows", func() bool {
		_, err := l.Prune(t.Context(), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var left int
		if err := b.DB.Prepare("SELECT count(*) FROM platform_invalidations WHERE kind = 'session'").QueryRow(t.Context()).Scan(&left); err != nil {
			t.Fatal(err)
		}
		return left == 0
	})
	late := replica(t, b, invalidation.Settings{})
	eventuallyTrusted(t, b, late, "session", "a")
}

// TestEpochNamesTheDatabase shows that a copy of a database, made under the same instance
// id, shares no cache key with it.
func TestEpochNamesTheDatabase(t *testing.T) {
	t.Parallel()
	a, b := platformtest.Postgres(t), platformtest.Postgres(t)
	for _, backend := range []platformtest.Backend{a, b} {
		if err := backend.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("UPDATE platform_state SET instance_id = 'same', epoch = 'same'").Exec(ctx)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	x, y, z := replica(t, a, invalidation.Settings{}), replica(t, b, invalidation.Settings{}), replica(t, a, invalidation.Settings{})
	if x.Epoch() == y.Epoch() {
		t.Error("two databases share an epoch")
	}
	if x.Epoch() != z.Epoch() {
		t.Error("two replicas of one database do not share an epoch")
	}
}

// TestOldTail tells the age of a tail that does not read any more by the clock.
func TestOldTail(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	c := platformtest.NewFakeClock(time.Now())
	l := invalidation.New(b.DB, c, b.Log, invalidation.Settings{})
	if l.Fresh() {
		t.Fatal("fresh before the start")
	}
	begin(t, l)
	if !l.Fresh() {
		t.Fatal("not fresh after the start")
	}
	if err := l.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	c.Advance(2*time.Second - time.Millisecond)
	if !l.Fresh() {
		t.Error("not fresh before two seconds are over")
	}
	c.Advance(time.Millisecond)
	if l.Fresh() {
		t.Error("fresh after two seconds")
	}
}
