package sessions_test

import (
	"errors"
	"testing"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
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
