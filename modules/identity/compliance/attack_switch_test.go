package compliance_test

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
)

// What happened while policies were switched off is found out also where an organization has
// no policy, but asks one member for a factor.
func TestCatchUpWithoutPolicy(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		all := h.users(t, 3)
		h.enter(t, club, "member", all...)
		for _, userID := range all {
			_, err := h.SetOverride(t.Context(), owner, club, userID, compliance.Override{Mode: compliance.OverrideRequired})
			must(t, err)
		}
		h.Clock.Advance(14 * dayLong)
		h.enforce(t)
		for _, userID := range all {
			h.expect(t, "before", userID, compliance.StatusSuspended, true)
		}
		h.change(t, func(ctx context.Context, tx bun.Tx) error { // nobody hears it
			if _, err := tx.NewRaw("DELETE FROM club_members WHERE user_id = ?", all[0]).Exec(ctx); err != nil {
				return err
			}
			_, err := tx.NewRaw("INSERT INTO identity_totp (user_id, secret, verified_at, created_at) VALUES (?, ?, ?, ?)", all[1], []byte{1}, h.now(), h.now()).Exec(ctx)
			return err
		})
		report, err := h.Reconcile(t.Context())
		if err != nil || report["reevaluated"] != 2 {
			t.Errorf("%v, %v", report, err)
		}
		h.expect(t, "somebody who left", all[0], compliance.StatusCompliant, false)
		h.expect(t, "somebody who enrolled", all[1], compliance.StatusCompliant, false)
		h.expect(t, "somebody who did nothing", all[2], compliance.StatusSuspended, true)
		if n := h.rowsOf(t, owner); n != 0 {
			t.Errorf("somebody of whom nothing is asked has %d rows", n)
		}
		if report, err := h.Reconcile(t.Context()); err != nil || report["reevaluated"] != 0 {
			t.Errorf("once more: %v, %v", report, err)
		}
	})
}

// Whoever takes the tables of the policies away takes along what they had made of users:
// there would be nobody left to lift it.
func TestTablesLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		all := h.users(t, 2)
		h.enter(t, club, "member", all...)
		h.ask(t, owner, club, compliance.ModeTOTP, 0)
		h.enforce(t)
		h.change(t, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("UPDATE identity_users SET status = 'suspended' WHERE id = ?", all[1]).Exec(ctx)
			return err
		})
		m := migrate.New(b.DB, lines(), b.Log)
		must(t, m.Down(t.Context(), "identity_mfa_policies", 1))
		if h.restricted(t, all[0]) || h.account(t, all[0]).Status != "active" {
			t.Errorf("somebody whom the policies had suspended is %+v", h.account(t, all[0]))
		}
		if a := h.account(t, all[1]); a.Status != "suspended" || !a.RestrictedFrom.Equal(time.Time{}) {
			t.Errorf("somebody whom an operator had suspended is %+v", a)
		}
	})
}
