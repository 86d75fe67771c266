package compliance_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/platformtest"
)

func (h *house) status(t testing.TB, userID, status string) {
	t.Helper()
	h.change(t, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("UPDATE identity_users SET status = ? WHERE id = ?", status, userID).Exec(ctx)
		return err
	})
}

// Nothing that happens to a policy makes an account active that an operator closed, or that
// was never active.
func TestOperatorsDecisionOutlivesPolicies(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		for _, status := range []string{"suspended", "inactive", "pending"} {
			for _, before := range []bool{true, false} {
				club, owner := h.club(t)
				bob := h.users(t, 1)[0]
				h.enter(t, club, "member", bob)
				must(t, h.totp(t.Context(), owner, true))
				if before {
					h.status(t, bob, status)
				}
				h.ask(t, owner, club, compliance.ModeTOTP, 0)
				h.enforce(t)
				if !before {
					h.status(t, bob, status)
				}
				h.enforce(t)
				steps := map[string]func() error{
					"enrolled": func() error { return h.totp(t.Context(), bob, true) },
					"given up": func() error { return h.totp(t.Context(), bob, false) },
					"exempt": func() error {
						_, err := h.SetOverride(t.Context(), owner, club, bob, compliance.Override{Mode: compliance.OverrideExempt})
						return err
					},
					"relaxed": func() error { h.ask(t, owner, club, compliance.ModeDisabled, 0); return nil },
					"left":    func() error { return h.leave(t.Context(), club, bob) },
				}
				for _, name := range []string{"enrolled", "given up", "exempt", "relaxed", "left"} {
					must(t, steps[name]())
					h.enforce(t)
					if a := h.account(t, bob); a.Status != status {
						t.Errorf("%s (before the policy: %v), %s: %+v", status, before, name, a)
					}
				}
				if a := h.account(t, bob); !a.RestrictedFrom.IsZero() {
					t.Errorf("%s: %+v", status, a)
				}
			}
		}
		// Whom an operator activates stays limited until they enroll, and is suspended again.
		club, owner := h.club(t)
		h.ask(t, owner, club, compliance.ModeTOTP, 0)
		h.enforce(t)
		h.status(t, owner, "active")
		h.expect(t, "activated", owner, compliance.StatusSuspended, true)
		must(t, h.totp(t.Context(), owner, true))
		h.expect(t, "enrolled", owner, compliance.StatusCompliant, false)
	})
}

// No way of a member's own gives them more time.
func TestNoNewGrace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		bob := h.users(t, 1)[0]
		h.enter(t, club, "member", bob)
		h.ask(t, owner, club, compliance.ModeTOTP, 3)
		deadline := *h.overview(t, bob).DeadlineAt
		h.Clock.Advance(dayLong)
		must(t, h.totp(t.Context(), bob, true))
		must(t, h.totp(t.Context(), bob, false))
		for _, mode := range []compliance.Mode{compliance.ModeEither, compliance.ModeWebAuthn, compliance.ModeTOTP} {
			h.Clock.Advance(time.Hour)
			h.ask(t, owner, club, mode, 3)
			if got := h.overview(t, bob).DeadlineAt; got == nil || !got.Equal(deadline) {
				t.Errorf("%s: %v, want %v", mode, got, deadline)
			}
		}
		for _, o := range []compliance.Override{{Mode: compliance.OverrideRequired, ForceWebAuthn: true}, {Mode: compliance.OverrideInherit}} {
			_, err := h.SetOverride(t.Context(), owner, club, bob, o)
			must(t, err)
			if got := h.overview(t, bob).DeadlineAt; got == nil || !got.Equal(deadline) {
				t.Errorf("%+v: %v, want %v", o, got, deadline)
			}
		}
		h.Clock.Set(deadline)
		h.expect(t, "at the deadline", bob, compliance.StatusPastDue, true)
		must(t, h.totp(t.Context(), bob, true))
		h.Clock.Advance(400 * dayLong)
		must(t, h.totp(t.Context(), bob, false))
		h.expect(t, "given up after a year", bob, compliance.StatusPastDue, true)
	})
}

// Sixty-four set the policy with the same entity tag: one does.
func TestOnePolicyOfMany(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		_, seen, err := h.ReadPolicy(t.Context(), owner, club)
		must(t, err)
		var done atomic.Int64
		for _, err := range together(callers, func(i int) error {
			return patiently(func() error {
				_, _, err := h.SetPolicy(t.Context(), owner, club, compliance.PolicyChange{Mode: compliance.ModeTOTP, GraceDays: int64(i)},
					func(tag string) error {
						if tag != seen {
							return errStale
						}
						return nil
					})
				if err == nil {
					done.Add(1)
				}
				if errors.Is(err, errStale) {
					err = nil
				}
				return err
			})
		}) {
			must(t, err)
		}
		if p, _, err := h.ReadPolicy(t.Context(), owner, club); err != nil || done.Load() != 1 || p.Version != 1 {
			t.Errorf("%d were set, %+v, %v", done.Load(), p, err)
		}
	})
}

var errStale = errors.New("stale")
