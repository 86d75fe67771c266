package sessions_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
)

// flush writes back or fails the test.
func (r *replica) flush(t testing.TB) {
	t.Helper()
	if err := r.Flush(t.Context()); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

func (r *replica) written(t testing.TB) int {
	t.Helper()
	return int(r.counter(t, "session_writeback_rows_total", ""))
}

// counter returns the value of a counter.
func (r *replica) counter(t testing.TB, name, result string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if result == "" || m.GetLabel()[0].GetValue() == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	t.Fatalf("there is no metric %s{%s}", name, result)
	return 0
}

// Rule 5: activity is brought to the row in batches; a thousand requests are one row.
func TestRule5ActivityIsWrittenBackOnce(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		var all []*authn.IssuedSession
		for range 30 {
			all = append(all, r.signIn(t, bob))
		}
		for range 20 {
			r.clock.Advance(time.Second)
			for _, s := range all {
				r.accepts(t, s)
			}
		}
		at := r.clock.Now().Truncate(time.Millisecond)
		before := b.Statements()
		r.flush(t)
		if got := r.written(t); got != 30 {
			t.Errorf("600 requests of 30 sessions wrote %d rows, want 30", got)
		}
		if got := b.Statements() - before; got != 1 {
			t.Errorf("the batch took %d statements, want one", got)
		}
		for _, s := range all {
			got, _ := r.row(t, s.ID)
			if got.LastActivityAt.Truncate(time.Millisecond) != at || got.ExpiresAt.Sub(got.LastActivityAt).Round(time.Second) != 15*time.Minute {
				t.Fatalf("the row says %+v, want activity at %s", got, at)
			}
		}
		before = b.Statements()
		r.flush(t)
		if r.written(t) != 30 || b.Statements() != before {
			t.Error("a flush without activity wrote")
		}
	})
}

// Rule 5: activity only moves forward, and no deadline passes the cap.
func TestRule5WriteBackOnlyMovesForward(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, short(10*time.Minute, time.Hour))
		s := r.signIn(t, bob)
		late := r.clock.Now().Add(20 * time.Minute).Truncate(time.Millisecond)
		err := r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewUpdate().Table("sessions_sessions").Set("last_activity_at = ?", late).
				Set("expires_at = ?", late.Add(10*time.Minute)).Where("id = ?", s.ID).Exec(ctx)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		r.accepts(t, s)
		r.flush(t)
		if got, _ := r.row(t, s.ID); !got.LastActivityAt.Equal(late) || !got.ExpiresAt.Equal(late.Add(10*time.Minute)) {
			t.Fatalf("older activity moved the row back to %+v", got)
		}
		for range 11 {
			r.clock.Advance(5 * time.Minute)
			r.accepts(t, s)
		}
		r.flush(t)
		if got, _ := r.row(t, s.ID); !got.ExpiresAt.Equal(s.AbsoluteExpiresAt) {
			t.Fatalf("the row expires at %s, want the cap %s", got.ExpiresAt, s.AbsoluteExpiresAt)
		}
	})
}

// Rule 5: only ACTIVE rows are written; a session that did not come back is looked
// after, and its cached value killed.
func TestRule5DeadSessionIsKilledInTheCache(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		for _, how := range []string{"EXPIRED", "REVOKED", "gone"} {
			r := newReplica(t, b)
			s, lives := r.signIn(t, bob), r.signIn(t, bob)
			r.accepts(t, s)
			r.accepts(t, lives)
			err := r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { // behind everybody's back
				q := tx.NewRaw("UPDATE sessions_sessions SET status = ? WHERE id = ?", how, s.ID)
				if how == "gone" {
					q = tx.NewRaw("DELETE FROM sessions_sessions WHERE id = ?", s.ID)
				}
				_, err := q.Exec(ctx)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			r.accepts(t, s) // the cache does not know yet
			r.flush(t)
			if got := r.state(t, s); got != cache.Missing {
				t.Errorf("%s: after the flush the cache says %d, want missing", how, got)
			}
			r.refuses(t, s, apperr.ErrInvalidToken)
			if got := r.status(t, s.ID); got != how {
				t.Errorf("%s: the row became %s", how, got)
			}
			r.accepts(t, lives)
		}
	})
}

// Rule 5: a row that somebody holds is skipped, and written the next time.
func TestRule5HeldRowIsSkippedAndKept(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t, lines()...)
	r := newReplica(t, b)
	held, free := r.signIn(t, bob), r.signIn(t, bob)
	r.clock.Advance(time.Minute)
	r.accepts(t, held)
	r.accepts(t, free)
	err := r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.NewRaw("SELECT 1 FROM sessions_sessions WHERE id = ? FOR UPDATE", held.ID).Exec(ctx); err != nil {
			return err
		}
		begin := time.Now()
		r.flush(t) // not part of this transaction
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the flush waited %s for the row", took)
		}
		if got := r.written(t); got != 1 {
			t.Errorf("%d rows were written, want the free one", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.state(t, held); got != cache.Live {
		t.Errorf("the cache of the held session says %d, want live", got)
	}
	r.flush(t)
	if got := r.written(t); got != 2 {
		t.Errorf("%d rows were written in the end, want two", got)
	}
}

// Rule 5: what could not be written is kept for the next time, and counts meanwhile.
func TestRule5FailedFlushLosesNothing(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, short(100*time.Second, time.Hour))
		s := r.signIn(t, bob)
		r.clock.Advance(90 * time.Second)
		r.accepts(t, s)
		rename := func(from, to string) {
			t.Helper()
			err := r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				_, err := tx.NewRaw("ALTER TABLE " + from + " RENAME TO " + to).Exec(ctx)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		rename("sessions_sessions", "elsewhere")
		if err := r.Flush(t.Context()); err == nil {
			t.Fatal("a flush without a table succeeded")
		}
		rename("elsewhere", "sessions_sessions")
		r.lose(t, b, s)
		r.clock.Advance(50 * time.Second)
		r.accepts(t, s)
		r.flush(t)
		if got := r.written(t); got != 1 {
			t.Fatalf("%d rows were written", got)
		}
	})
}

// Rule 5: losing the cache ends a session at most one interval early, and this
// process's own activity counts although it is not written.
func TestRule5OwnActivityCountsWhenTheCacheIsLost(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, short(100*time.Second, time.Hour))
		s := r.signIn(t, bob)
		r.clock.Advance(90 * time.Second)
		r.accepts(t, s)
		r.lose(t, b, s)
		r.clock.Advance(50 * time.Second) // 140 s after the row's activity
		r.accepts(t, s)
	})
}

// Rule 5: with the process its unwritten activity is lost: the session ends up to one
// interval early and never late.
func TestRule5LossNeverLengthens(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		for _, idle := range []time.Duration{2 * time.Second, 100 * time.Second, 900 * time.Second} {
			config := sessions.Config{IdleTimeout: idle}
			r := newReplica(t, b, short(idle, 10*time.Hour))
			s := r.signIn(t, bob)
			r.clock.Advance(idle / 2)
			r.accepts(t, s)
			r.flush(t)
			r.clock.Advance(config.Interval() - time.Millisecond)
			r.accepts(t, s)
			last := r.clock.Now()
			r.lose(t, b, s)
			next := newReplica(t, b, with(r), short(idle, 10*time.Hour)) // after a kill -9
			r.clock.Set(last.Add(idle - config.Interval() - time.Second/2))
			next.accepts(t, s)

			other := r.signIn(t, bob)
			r.lose(t, b, other)
			next = newReplica(t, b, with(r), short(idle, 10*time.Hour))
			r.clock.Advance(idle + time.Millisecond)
			next.refuses(t, other, apperr.ErrSessionInactive)
		}
	})
}

// Rule 5: when the process stops, nothing is left unwritten.
func TestStopWritesBack(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s := r.signIn(t, bob)
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(time.Minute)
		r.accepts(t, s)
		for range 2 {
			if err := r.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		got, _ := r.row(t, s.ID)
		if want := r.clock.Now().Truncate(time.Millisecond); got.LastActivityAt.Before(want) {
			t.Fatalf("the row says %s, want %s", got.LastActivityAt, want)
		}
	})
}

func TestLoopWritesBackByItself(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, short(time.Second, time.Minute))
		s := r.signIn(t, bob)
		if err := r.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Stop(context.WithoutCancel(t.Context())) }()
		r.clock.Advance(500 * time.Millisecond)
		r.accepts(t, s)
		platformtest.Eventually(t, 5*time.Second, "the row to be written", func() bool { return r.written(t) == 1 })
	})
}

// Clean-up marks what is dead for two intervals, and nothing that slides.
func TestCleanupMarksDeadSessionsOnly(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, short(100*time.Second, 10*time.Hour)) // written back every 10 s
		dead, lives, revoked := r.signIn(t, bob), r.signIn(t, bob), r.signIn(t, bob)
		if err := r.Logout(t.Context(), r.accepts(t, revoked)); err != nil {
			t.Fatal(err)
		}
		cleanup := func(want int64) {
			t.Helper()
			if n, err := r.Cleanup(t.Context()); err != nil || n != want {
				t.Fatalf("marked %d, %v; want %d", n, err, want)
			}
		}
		cleanup(0)
		r.clock.Advance(90 * time.Second)
		r.accepts(t, lives)
		r.clock.Advance(29 * time.Second) // 119 s: 19 s past the deadline
		cleanup(0)
		r.clock.Advance(time.Second)
		cleanup(1)
		if got := r.status(t, dead.ID); got != "EXPIRED" {
			t.Fatalf("the dead row is %s", got)
		}
		r.refuses(t, dead, apperr.ErrInvalidToken)
		r.accepts(t, lives)
		if got := r.status(t, revoked.ID); got != "REVOKED" {
			t.Fatalf("the revoked row is %s", got)
		}
	})
}

// A session that slides on another process, whose activity is not written yet, or was
// lost with a process once, is not marked.
func TestCleanupLeavesTwoIntervals(t *testing.T) {
	t.Parallel()
	p := newPair(t, short(100*time.Second, 10*time.Hour)) // written back every 10 s
	s := p.a.signIn(t, bob)
	p.a.clock.Advance(9 * time.Second)
	p.a.accepts(t, s) // lost: process a dies without writing
	p.a.clock.Advance(99 * time.Second)
	p.b.accepts(t, s) // 108 s, not written yet
	p.a.clock.Advance(9 * time.Second)
	cleaner := newReplica(t, p.backend, with(p.a), short(100*time.Second, 10*time.Hour), func(s *setup) { s.parts.Cache = p.a.cache })
	if n, err := cleaner.Cleanup(t.Context()); err != nil || n != 0 {
		t.Fatalf("the clean-up marked %d live sessions (%v)", n, err)
	}
	p.b.flush(t)
	p.b.accepts(t, s)
}

func TestCleanupWorksThroughManyRows(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, short(2*time.Second, 6*time.Second))
		s := r.signIn(t, bob)
		for chunk := range 25 {
			err := r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				for i := range 100 {
					_, err := tx.NewRaw(`INSERT INTO sessions_sessions (id, user_id, token_hash, status, auth_methods, is_compliance_only, remember, idle_seconds,
						absolute_expires_at, expires_at, last_activity_at, authenticated_at, created_at, updated_at)
						SELECT ?, user_id, ?, status, auth_methods, is_compliance_only, remember, idle_seconds, absolute_expires_at, expires_at,
						last_activity_at, authenticated_at, created_at, updated_at FROM sessions_sessions WHERE id = ?`,
						id.Generator{}.New(), []byte{byte(i), byte(chunk)}, s.ID).Exec(ctx)
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		r.clock.Advance(time.Minute)
		if n, err := r.Cleanup(t.Context()); err != nil || n != 2501 {
			t.Fatalf("marked %d, %v", n, err)
		}
	})
}

// Issue: requests every second live to six seconds and die there; silence of two and a
// half kills; a refresh never passes the cap; the clean-up marks what is dead.
func TestTwoSecondsIdleSixSecondsAbsolute(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, short(2*time.Second, 6*time.Second))
		busy, silent := r.signIn(t, bob), r.signIn(t, bob)
		for range 5 {
			r.clock.Advance(time.Second)
			if p := r.accepts(t, busy); p.ExpiresAt.After(busy.AbsoluteExpiresAt) {
				t.Fatalf("a refresh gives %s, past the cap %s", p.ExpiresAt, busy.AbsoluteExpiresAt)
			}
		}
		r.clock.Advance(time.Second)
		r.refuses(t, busy, apperr.ErrSessionInactive)
		r.refuses(t, silent, apperr.ErrSessionInactive)
		late := r.signIn(t, bob)
		r.clock.Advance(2500 * time.Millisecond)
		r.refuses(t, late, apperr.ErrSessionInactive)
		if n, err := r.Cleanup(t.Context()); err != nil || n != 3 {
			t.Fatalf("marked %d, %v; want all three", n, err)
		}
		for _, s := range []*authn.IssuedSession{busy, silent, late} {
			if got := r.status(t, s.ID); got != "EXPIRED" {
				t.Errorf("a dead row is %s", got)
			}
			if _, err := r.Authenticate(t.Context(), s.Token.Reveal()); !errors.Is(err, apperr.ErrInvalidToken) {
				t.Errorf("a marked session is answered with %v", err)
			}
		}
	})
}
