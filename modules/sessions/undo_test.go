package sessions_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// revoking ends the sessions of s's user in a transaction that ends as then says.
func (r *replica) revoking(ctx context.Context, s *authn.IssuedSession, then func() error) error {
	return r.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		event := events.CredentialChanged{UserID: s.Account.UserID, Reason: "password_changed"}
		if err := r.bus.Publish(ctx, tx, event); err != nil {
			return err
		}
		return then()
	})
}

func undo() error { return errUndo }

// Rule 3: a rollback frees the row before it takes the tombstone away. A revocation that
// buries the session in between keeps its tombstone while it is open.
func TestRule3RollbackLeavesTheNextRevokersTombstone(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		steps := &stepped{Sliding: b.Sliding}
		first := newReplica(t, b, func(s *setup) { s.parts.Cache = steps })
		second := newReplica(t, b, with(first))
		s := first.signIn(t, bob)
		second.accepts(t, s)
		ctx := context.WithoutCancel(t.Context())
		open, end := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		between := func() {
			wg.Go(func() {
				var once sync.Once
				opened := func() { once.Do(func() { close(open) }) }
				defer opened()
				err := second.revoking(ctx, s, func() error {
					opened()
					<-end
					return nil
				})
				if err != nil {
					t.Errorf("the second revocation: %v", err)
				}
			})
			<-open
		}
		steps.beforeUnbury.Store(&between)
		err := first.revoking(ctx, s, undo)
		if got := second.state(t, s); got != cache.Buried {
			t.Errorf("while the second revocation is open the cache says %d, want its tombstone", got)
		}
		close(end)
		wg.Wait()
		if !errors.Is(err, errUndo) {
			t.Fatal(err)
		}
		if got := first.state(t, s); got != cache.Buried {
			t.Errorf("after the second revocation the cache says %d, want its tombstone", got)
		}
		if got, _ := first.row(t, s.ID); got.Status != "REVOKED" || *got.RevokedReason != "password_changed" {
			t.Errorf("the row says %+v", got)
		}
		first.refuses(t, s, apperr.ErrInvalidToken)
		second.refuses(t, s, apperr.ErrInvalidToken)
	})
}

// Rule 3: when both are rolled back, each in its time, the session lives on.
func TestRule3BothRollbacksRevive(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		steps := &stepped{Sliding: b.Sliding}
		first := newReplica(t, b, func(s *setup) { s.parts.Cache = steps })
		second := newReplica(t, b, with(first))
		s := first.signIn(t, bob)
		between := func() {
			if err := second.revoking(context.WithoutCancel(t.Context()), s, undo); !errors.Is(err, errUndo) {
				t.Errorf("the second revocation: %v", err)
			}
		}
		steps.beforeUnbury.Store(&between)
		if err := first.revoking(t.Context(), s, undo); !errors.Is(err, errUndo) {
			t.Fatal(err)
		}
		first.accepts(t, s)
		second.accepts(t, s)
		if got := first.state(t, s); got != cache.Live {
			t.Fatalf("the cache says %d, want live", got)
		}
	})
}

// Rule 3: a reader that finishes a revocation whose rollback is under way has the
// tombstone stay.
func TestRule3RollbackLeavesTheTombstoneOfAFinishedRevocation(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		steps := &stepped{Sliding: b.Sliding}
		first := newReplica(t, b, func(s *setup) { s.parts.Cache = steps })
		reader := newReplica(t, b, with(first))
		s := first.signIn(t, bob)
		between := func() { reader.refuses(t, s, apperr.ErrInvalidToken) }
		steps.beforeUnbury.Store(&between)
		if err := first.revoking(t.Context(), s, undo); !errors.Is(err, errUndo) {
			t.Fatal(err)
		}
		if got := first.state(t, s); got != cache.Buried {
			t.Errorf("the cache says %d, want the tombstone", got)
		}
		if got, _ := first.row(t, s.ID); got.Status != "REVOKED" || *got.RevokedReason != sessions.ReasonFinished {
			t.Errorf("the row says %+v", got)
		}
		first.refuses(t, s, apperr.ErrInvalidToken)
		reader.refuses(t, s, apperr.ErrInvalidToken)
	})
}
