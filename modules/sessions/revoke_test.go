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
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

var errUndo = errors.New("undo")

func TestLogoutKillsTheSessionOnly(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s, other := r.signIn(t, bob), r.signIn(t, bob)
		if err := r.Logout(t.Context(), r.accepts(t, s)); err != nil {
			t.Fatal(err)
		}
		r.refuses(t, s, apperr.ErrInvalidToken)
		r.accepts(t, other)
		got, _ := r.row(t, s.ID)
		if got.Status != "REVOKED" || got.RevokedAt == nil || *got.RevokedReason != sessions.ReasonLogout {
			t.Fatalf("the row says %+v", got)
		}
	})
}

func TestRevokeIsIdempotentAndOwnOnly(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		mine, other, foreign := r.signIn(t, bob), r.signIn(t, bob), r.signIn(t, carol)
		p := r.accepts(t, mine)
		for range 3 {
			if err := r.Revoke(t.Context(), p, other.ID); err != nil {
				t.Fatal(err)
			}
		}
		r.refuses(t, other, apperr.ErrInvalidToken)
		for _, id := range []string{foreign.ID, "0192f0c1-9a10-7c55-8a02-6f0e3d7b1c44", "x", ""} {
			if err := r.Revoke(t.Context(), p, id); !errors.Is(err, apperr.ErrNotFound) {
				t.Errorf("revoke %q: %v", id, err)
			}
		}
		r.accepts(t, foreign)
		r.accepts(t, mine)
		if got := len(r.facts.list()); got != 4 { // three sign-ins, one revocation
			t.Errorf("%d facts were published: %+v", got, r.facts.list())
		}
	})
}

func TestRevokeAllKeepsTheCurrentOneUnlessAsked(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		mine, foreign := r.signIn(t, bob), r.signIn(t, carol)
		others := []*authn.IssuedSession{r.signIn(t, bob), r.signIn(t, bob), r.signIn(t, bob)}
		p := r.accepts(t, mine)
		if n, err := r.RevokeAll(t.Context(), p, false); err != nil || n != 3 {
			t.Fatalf("revoked %d, %v", n, err)
		}
		for _, s := range others {
			r.refuses(t, s, apperr.ErrInvalidToken)
		}
		r.accepts(t, mine)
		facts := len(r.facts.list())
		if n, err := r.RevokeAll(t.Context(), p, false); err != nil || n != 0 {
			t.Fatalf("revoked %d, %v", n, err)
		}
		if got := r.facts.list()[facts:]; len(got) != 1 || got[0].Action != sessions.ActionRevoke || got[0].Metadata["sessions"] != "0" {
			t.Errorf("of a wish that ended nothing the trail shows %+v", got)
		}
		if n, err := r.RevokeAll(t.Context(), p, true); err != nil || n != 1 {
			t.Fatalf("revoked %d, %v", n, err)
		}
		r.refuses(t, mine, apperr.ErrInvalidToken)
		r.accepts(t, foreign)
	})
}

// Rule 3: the tombstone is there before the commit, so that no replica accepts the
// token from the moment on at which the revocation can no longer fail unnoticed.
func TestRule3TombstoneComesBeforeTheCommit(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s := r.signIn(t, bob)
		p := r.accepts(t, s)
		looked := false
		r.bus.Subscribe(b.Jobs, events.On("test.look", func(ctx context.Context, tx bun.Tx, e events.Fact) error {
			if e.Action != sessions.ActionLogout {
				return nil
			}
			looked = true
			_, state, err := r.cache.Touch(ctx, r.KeyOf(s.Token.Reveal()), r.clock.Now())
			if err != nil || state != cache.Buried {
				t.Errorf("before the commit the cache says %d (%v), want a tombstone", state, err)
			}
			return nil
		}))
		if err := r.Logout(t.Context(), p); err != nil || !looked {
			t.Fatalf("logout: %v, looked: %v", err, looked)
		}
		if got := r.state(t, s); got != cache.Buried {
			t.Fatalf("after the commit the cache says %d, want the tombstone", got)
		}
	})
}

// Rule 3: a process that dies between tombstone and commit leaves the token refused,
// everywhere and for good: the next reader finishes the revocation.
func TestRule3ReaderFinishesWhatADeadRevokerBegan(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		second := newReplica(t, b, with(r))
		s, other := r.signIn(t, bob), r.signIn(t, bob)
		r.accepts(t, s)
		if err := r.cache.Bury(t.Context(), []string{r.KeyOf(s.Token.Reveal())}, "a revoker", r.clock.Now(), s.AbsoluteExpiresAt); err != nil {
			t.Fatal(err)
		}
		second.refuses(t, s, apperr.ErrInvalidToken)
		if got, _ := r.row(t, s.ID); got.Status != "REVOKED" || *got.RevokedReason != sessions.ReasonFinished {
			t.Fatalf("the reader left the row as %+v", got)
		}
		told := second.facts.list()
		if f := told[len(told)-1]; f.Action != sessions.ActionRevoke || f.ResourceID != s.ID || f.Metadata["reason"] != sessions.ReasonFinished {
			t.Errorf("the trail shows %+v", f)
		}
		r.refuses(t, s, apperr.ErrInvalidToken)
		r.lose(t, b, s) // even the tombstone
		r.refuses(t, s, apperr.ErrInvalidToken)
		second.refuses(t, s, apperr.ErrInvalidToken)
		r.accepts(t, other)
	})
}

// Rule 3: a tombstone refuses even when the database cannot be asked.
func TestRule3TombstoneRefusesWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s := r.signIn(t, bob)
		r.accepts(t, s)
		if err := r.cache.Bury(t.Context(), []string{r.KeyOf(s.Token.Reveal())}, "a revoker", r.clock.Now(), s.AbsoluteExpiresAt); err != nil {
			t.Fatal(err)
		}
		if err := r.db.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.refuses(t, s, apperr.ErrInvalidToken)
	})
}

// Rule 3: only a clean rollback takes tombstones away, and then the session lives on.
func TestRule3RollbackRevives(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s, keep := r.signIn(t, bob), r.signIn(t, bob)
		r.accepts(t, s)
		err := r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			event := events.CredentialChanged{UserID: s.Account.UserID, KeepSessionID: keep.ID, Reason: "password_changed"}
			if err := r.bus.Publish(ctx, tx, event); err != nil {
				return err
			}
			if got := r.state(t, s); got != cache.Buried { // the cache is asked from outside
				t.Errorf("inside the transaction the cache says %d, want a tombstone", got)
			}
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			t.Fatal(err)
		}
		if got := r.status(t, s.ID); got != "ACTIVE" {
			t.Fatalf("the row is %s", got)
		}
		r.accepts(t, s)
		if got := r.state(t, s); got != cache.Live {
			t.Fatalf("the cache says %d, want live", got)
		}
	})
}

// Rule 3: the tombstone stays for the rest of the session's absolute life.
func TestRule3TombstoneOutlivesTheIdleWindow(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s := r.signIn(t, bob)
		if err := r.Logout(t.Context(), r.accepts(t, s)); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(7*time.Hour + 59*time.Minute)
		if got := r.state(t, s); got != cache.Buried {
			t.Fatalf("a minute before the cap the cache says %d, want the tombstone", got)
		}
	})
}

// Rule 3: a new session of a user whose sessions are revoked meanwhile is not put over
// its tombstone.
func TestRule3NewSessionIsNotPutOverATombstone(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		var s *authn.IssuedSession
		err := r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			out, err := r.CompleteSignIn(ctx, tx, authn.Attempt{Account: r.people.account(bob), Flow: authn.FlowPassword, Methods: []string{"pwd"}})
			if err != nil {
				return err
			}
			s = out.Session
			return r.cache.Bury(ctx, []string{r.KeyOf(s.Token.Reveal())}, "a revoker", r.clock.Now(), s.AbsoluteExpiresAt)
		})
		if err != nil {
			t.Fatal(err)
		}
		r.refuses(t, s, apperr.ErrInvalidToken)
	})
}

func TestCredentialChangeEndsEveryOtherSession(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		keep, gone, foreign := r.signIn(t, bob), r.signIn(t, bob), r.signIn(t, carol)
		r.publish(t, events.CredentialChanged{UserID: keep.Account.UserID, KeepSessionID: keep.ID, Reason: "password_changed"})
		r.accepts(t, keep)
		r.accepts(t, foreign)
		r.refuses(t, gone, apperr.ErrInvalidToken)
		if got, _ := r.row(t, gone.ID); *got.RevokedReason != "password_changed" {
			t.Fatalf("the row says %+v", got)
		}
		r.publish(t, events.CredentialChanged{UserID: keep.Account.UserID, Reason: "password_reset"})
		r.refuses(t, keep, apperr.ErrInvalidToken)
	})
}

// Another replica need not wait for the invalidation log to show a changed profile, or to
// mind changed limits.
func TestChangedUserLeavesTheSharedCache(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s, second, foreign := r.signIn(t, bob), r.signIn(t, bob), r.signIn(t, carol)
		for _, event := range []events.Event{events.UserChanged{UserID: s.Account.UserID}, events.SessionLimitsChanged{UserIDs: []string{s.Account.UserID}}} {
			for _, session := range []*authn.IssuedSession{s, second, foreign} {
				r.accepts(t, session)
			}
			r.publish(t, event)
			want := cache.Live
			if r.cache.Shared() {
				want = cache.Missing
			}
			for _, session := range []*authn.IssuedSession{s, second} {
				if got := r.state(t, session); got != want {
					t.Errorf("after %s the cache holds %v, want %v", event.Name(), got, want)
				}
				r.accepts(t, session)
			}
			if got := r.state(t, foreign); got != cache.Live {
				t.Errorf("after %s the cache lost the session of somebody else: %v", event.Name(), got)
			}
		}
	})
}

func TestDeletedUserHasNoSessions(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s, foreign := r.signIn(t, bob), r.signIn(t, carol)
		r.accepts(t, s)
		r.publish(t, events.UserDeleted{UserID: s.Account.UserID})
		r.people.remove(bob)
		r.refuses(t, s, apperr.ErrInvalidToken)
		if got := r.status(t, s.ID); got != "gone" {
			t.Fatalf("the row is %s", got)
		}
		r.lose(t, b, s)
		r.refuses(t, s, apperr.ErrInvalidToken)
		r.accepts(t, foreign)
	})
}

func TestSuspendedUserHasNoSessions(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		for status, ends := range map[string]bool{
			"active": false, "pending": false, "compliance_suspended": false, "suspended": true, "inactive": true,
		} {
			r := newReplica(t, b)
			s := r.signIn(t, bob)
			r.publish(t, events.UserStatusChanged{UserID: s.Account.UserID, Status: status})
			if got := r.status(t, s.ID) == "REVOKED"; got != ends {
				t.Errorf("status %s: revoked %v, want %v", status, got, ends)
			}
			if ends {
				r.refuses(t, s, apperr.ErrInvalidToken)
			} else {
				r.accepts(t, s)
			}
		}
	})
}
