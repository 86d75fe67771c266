package sessions_test

import (
	"context"
	"errors"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
)

// Rule 10: after a backup was restored, every session is over, and nothing that a cache
// holds of the time before is found again.
func TestRule10RestoredBackupRevivesNothing(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s, other := r.signIn(t, bob), r.signIn(t, carol)
		r.accepts(t, s)
		epoch, key := r.log.Epoch(), r.KeyOf(s.Token.Reveal())
		var told int64
		for _, want := range []int64{2, 0} {
			n, err := r.AfterRestore(t.Context(), func(n int64) { told = n })
			if err != nil || n != want {
				t.Fatalf("ended %d, %v; want %d", n, err, want)
			}
		}
		if told != 2 {
			t.Errorf("progress told of %d", told)
		}
		shown := r.facts.list()
		for i, want := range []string{"2", "0"} {
			f := shown[len(shown)-2+i]
			if f.Action != sessions.ActionRevoke || f.Metadata["reason"] != sessions.ReasonRestored || f.Metadata["sessions"] != want {
				t.Errorf("the trail shows %+v, want %s sessions", f, want)
			}
		}
		platformtest.Eventually(t, waitForTail, "the new epoch", func() bool { return r.log.Epoch() != epoch })
		r.refuses(t, s, apperr.ErrInvalidToken)
		r.refuses(t, other, apperr.ErrInvalidToken)
		if r.KeyOf(s.Token.Reveal()) == key {
			t.Error("the cache key is the same")
		}
		if got, _ := r.row(t, s.ID); got.Status != "REVOKED" || *got.RevokedReason != sessions.ReasonRestored {
			t.Errorf("the row says %+v", got)
		}
		r.accepts(t, r.signIn(t, bob))
	})
}

// Rule 8: embedded, an acknowledged revocation survives the process; with it go the
// cache and everything that was in memory.
func TestRule8AcknowledgedRevocationSurvivesTheProcess(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	r := newReplica(t, b)
	gone, lives := r.signIn(t, bob), r.signIn(t, bob)
	if err := r.Logout(t.Context(), r.accepts(t, gone)); err != nil {
		t.Fatal(err)
	}
	next := newReplica(t, b, with(r), emptyCache) // nothing of the old process but the file
	if _, err := next.Authenticate(t.Context(), gone.Token.Reveal()); !errors.Is(err, apperr.ErrInvalidToken) {
		t.Fatalf("after the kill: %v", err)
	}
	next.accepts(t, lives)
}

// Rule 10: servers that run meanwhile hold rows and cache sessions; neither outlives the
// command.
func TestRule10RestoreEndsWhatServersHold(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	s := p.a.signIn(t, bob)
	ctx := context.WithoutCancel(t.Context())
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() { // as a write-back does
		defer close(done)
		err := p.a.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("SELECT id FROM sessions_sessions FOR UPDATE").Exec(ctx)
			close(held)
			<-release
			return err
		})
		if err != nil {
			t.Errorf("hold: %v", err)
		}
	}()
	<-held
	type result struct {
		n   int64
		err error
	}
	results := make(chan result, 1)
	epoch := p.b.log.Epoch()
	go func() {
		n, err := p.a.AfterRestore(ctx, func(int64) {})
		results <- result{n, err}
	}()
	platformtest.Eventually(t, waitForTail, "the new epoch", func() bool { return p.b.log.Epoch() != epoch })
	p.b.accepts(t, s) // from the row, and cached under the new epoch
	close(release)
	<-done
	if got := <-results; got.err != nil || got.n != 1 {
		t.Fatalf("ended %d, %v; want one", got.n, got.err)
	}
	p.a.refuses(t, s, apperr.ErrInvalidToken)
	p.b.refuses(t, s, apperr.ErrInvalidToken)
}

// Rule 10: a session that a server caches between two batches of the command is over too.
func TestRule10RestoreEndsWhatServersCacheMeanwhile(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.a.signIn(t, bob)
	epoch := p.b.log.Epoch()
	var between *authn.IssuedSession
	n, err := p.a.AfterRestore(t.Context(), func(int64) {
		if between != nil {
			return
		}
		platformtest.Eventually(t, waitForTail, "the new epoch", func() bool { return p.b.log.Epoch() != epoch })
		between = p.b.signIn(t, carol)
		p.b.accepts(t, between)
	})
	if err != nil || n != 2 {
		t.Fatalf("ended %d, %v; want two", n, err)
	}
	p.a.refuses(t, between, apperr.ErrInvalidToken)
	p.b.refuses(t, between, apperr.ErrInvalidToken)
}
