package compliance_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/platformtest"
)

// TestLife follows a member from the first demand to the suspension and back.
func TestLife(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		bob := h.users(t, 1)[0]
		h.enter(t, club, "member", bob)
		if o := h.expect(t, "without a policy", bob, compliance.StatusCompliant, false); o.Organizations[0].Status != compliance.StatusNotApplicable ||
			o.Organizations[0].EffectiveMode != compliance.ModeDisabled {
			t.Errorf("without a policy: %+v", o)
		}
		version := h.set(t, owner, club, compliance.ModeEither, 14).Version
		if o := h.expect(t, "not judged yet", bob, compliance.StatusPending, false); o.Organizations[0].EffectiveMode != compliance.ModeEither {
			t.Errorf("not judged yet: %+v", o)
		}
		h.walk(t, club, version)
		start, deadline := h.now(), h.now().Add(14*dayLong)
		o := h.expect(t, "judged", bob, compliance.StatusInGrace, false)
		if !slices.Equal(o.MissingMethods, []string{"totp", "webauthn"}) || !o.DeadlineAt.Equal(deadline) || !o.Organizations[0].AppliedAt.Equal(start) {
			t.Errorf("judged: %+v", o)
		}
		if !h.account(t, bob).RestrictedFrom.Equal(deadline) {
			t.Errorf("restricted from %v, want %v", h.account(t, bob).RestrictedFrom, deadline)
		}

		h.Clock.Advance(14*dayLong - time.Second)
		h.expect(t, "a second before", bob, compliance.StatusInGrace, false)
		h.Clock.Advance(time.Second)
		h.expect(t, "the deadline needs nobody to pass", bob, compliance.StatusPastDue, true)
		if report := h.enforce(t); report["suspended"] != 2 { // and the owner
			t.Errorf("the job reports %v", report)
		}
		h.expect(t, "suspended", bob, compliance.StatusSuspended, true)
		if a := h.account(t, bob); a.Status != "compliance_suspended" || h.heard.count(compliance.ActionSuspended, bob) != 1 {
			t.Errorf("suspended: %+v, %d facts", a, h.heard.count(compliance.ActionSuspended, bob))
		}
		if mails := h.heard.take(); len(mails) != 2 {
			t.Errorf("the mails are %v", mails)
		}
		if report := h.enforce(t); report["suspended"] != 0 || report["reevaluated"] != 0 || report["reminded"] != 0 {
			t.Errorf("the job reports once more %v", report)
		}

		must(t, h.totp(t.Context(), bob, true))
		if o := h.expect(t, "enrolled", bob, compliance.StatusCompliant, false); len(o.MissingMethods) != 0 || o.DeadlineAt != nil {
			t.Errorf("enrolled: %+v", o)
		}
		if a := h.account(t, bob); a.Status != "active" || h.heard.count(compliance.ActionRestored, bob) != 1 || h.heard.liftedOf(bob) != 1 {
			t.Errorf("enrolled: %+v, %d facts, lifted %d times", a, h.heard.count(compliance.ActionRestored, bob), h.heard.liftedOf(bob))
		}
		h.expect(t, "the owner did nothing", owner, compliance.StatusSuspended, true)

		must(t, h.totp(t.Context(), bob, false))
		h.expect(t, "given up", bob, compliance.StatusPastDue, true)
		h.passkey(t, bob)
		h.expect(t, "a passkey does as well", bob, compliance.StatusCompliant, false)
		if h.heard.liftedOf(bob) != 2 || h.heard.count(compliance.ActionRestored, bob) != 1 {
			t.Errorf("lifted %d times", h.heard.liftedOf(bob))
		}

		h.ask(t, owner, club, compliance.ModeOptional, 14)
		h.expect(t, "relaxed", owner, compliance.StatusCompliant, false)
		if a := h.account(t, owner); a.Status != "active" || !a.RestrictedFrom.IsZero() || h.heard.liftedOf(owner) != 1 {
			t.Errorf("relaxed: %+v, lifted %d times", a, h.heard.liftedOf(owner))
		}
	})
}

// TestGrace: a changed grace counts from when the demand began, and none is none.
func TestGrace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		h.ask(t, owner, club, compliance.ModeTOTP, 0)
		h.expect(t, "no grace", owner, compliance.StatusPastDue, true)
		start := h.now()
		h.Clock.Advance(time.Hour)
		h.enforce(t)
		h.expect(t, "no grace, after the job", owner, compliance.StatusSuspended, true)
		h.ask(t, owner, club, compliance.ModeTOTP, 3)
		o := h.expect(t, "three days", owner, compliance.StatusInGrace, false)
		if !o.DeadlineAt.Equal(start.Add(3*dayLong)) || h.account(t, owner).Status != "active" || h.heard.liftedOf(owner) != 1 {
			t.Errorf("three days: %+v, %+v", o, h.account(t, owner))
		}
		h.Clock.Advance(2 * dayLong)
		h.set(t, owner, club, compliance.ModeTOTP, 1)
		h.expect(t, "before it is judged", owner, compliance.StatusPending, false)
		h.enforce(t) // heals, and suspends as well
		h.expect(t, "one day", owner, compliance.StatusSuspended, true)
	})
}

// TestJoinAndLeave: whoever joins is judged in that transaction, whoever leaves is free in it.
func TestJoinAndLeave(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		strict, ann := h.club(t)
		mild, joe := h.club(t)
		h.ask(t, ann, strict, compliance.ModeTOTP, 0)
		h.ask(t, joe, mild, compliance.ModeWebAuthn, 10)
		bob := h.users(t, 1)[0]
		must(t, h.join(t.Context(), mild, bob))
		h.expect(t, "in the mild one", bob, compliance.StatusInGrace, false)
		h.Clock.Advance(time.Minute)
		must(t, h.join(t.Context(), strict, bob))
		o := h.expect(t, "in both", bob, compliance.StatusPastDue, true)
		if !slices.Equal(o.MissingMethods, []string{"totp", "webauthn"}) || !o.DeadlineAt.Equal(h.now()) {
			t.Errorf("in both: %+v", o)
		}
		h.enforce(t)
		h.expect(t, "suspended", bob, compliance.StatusSuspended, true)
		must(t, h.leave(t.Context(), strict, bob))
		h.expect(t, "after leaving", bob, compliance.StatusInGrace, false)
		if a := h.account(t, bob); a.Status != "active" || h.heard.liftedOf(bob) != 1 || h.heard.count(compliance.ActionRestored, bob) != 1 {
			t.Errorf("after leaving: %+v", a)
		}
		h.Clock.Advance(10 * dayLong)
		h.enforce(t)
		h.expect(t, "suspended by the other", bob, compliance.StatusSuspended, true)
		h.end(t, mild)
		h.expect(t, "after the end of the organization", bob, compliance.StatusCompliant, false)
		if a := h.account(t, bob); a.Status != "active" || !a.RestrictedFrom.IsZero() {
			t.Errorf("after the end: %+v", a)
		}
		if n := h.rows(t, mild); n != 0 {
			t.Errorf("%d rows are left of an organization that is gone", n)
		}
		h.change(t, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("DELETE FROM identity_users WHERE id = ?", ann).Exec(ctx)
			return err
		})
		if n := h.rows(t, strict); n != 0 {
			t.Errorf("%d rows are left of a user who is gone", n)
		}
	})
}

// rows counts the rows of an organization.
func (h *house) rows(t testing.TB, organizationID string) int {
	t.Helper()
	n, err := h.DB.Read().NewSelect().Table("identity_mfa_members").Where("organization_id = ?", organizationID).Count(t.Context())
	must(t, err)
	return int(n)
}

// TestCatchUp: what nobody said while this was switched off is found out.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		all := h.users(t, 1200)
		h.enter(t, club, "member", all[:600]...)
		h.ask(t, owner, club, compliance.ModeTOTP, 0)
		if n := h.rows(t, club); n != 601 {
			t.Fatalf("%d rows", n)
		}
		h.change(t, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("DELETE FROM club_members WHERE user_id IN (?)", bun.List(all[:100])).Exec(ctx)
			return err
		})
		h.enter(t, club, "member", all[700:1150]...)
		h.change(t, func(ctx context.Context, tx bun.Tx) error { // somebody enrolled
			_, err := tx.NewRaw("INSERT INTO identity_totp (user_id, secret, verified_at, created_at) VALUES (?, ?, ?, ?)", all[150], []byte{1}, h.now(), h.now()).Exec(ctx)
			return err
		})
		h.expect(t, "somebody who enrolled, before", all[150], compliance.StatusPastDue, true)
		report, err := h.Reconcile(t.Context())
		if err != nil || report["reevaluated"] != 551 || h.rows(t, club) != 951 {
			t.Errorf("%v, %v, %d rows", report, err, h.rows(t, club))
		}
		h.expect(t, "somebody who enrolled", all[150], compliance.StatusCompliant, false)
		h.expect(t, "somebody who left", all[0], compliance.StatusCompliant, false)
		h.expect(t, "somebody who joined", all[1149], compliance.StatusPastDue, true)
		if report, err := h.Reconcile(t.Context()); err != nil || report["reevaluated"] != 0 {
			t.Errorf("once more: %v, %v", report, err)
		}
	})
}
