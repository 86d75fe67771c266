package compliance_test

import (
	"testing"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
)

// TestCrowd: a policy walks over many members, stops for a newer one, and is listed by pages.
func TestCrowd(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		all := h.users(t, 1000)
		h.enter(t, club, "member", all...)
		old := h.set(t, owner, club, compliance.ModeTOTP, 14)
		current := h.set(t, owner, club, compliance.ModeTOTP, 0)
		h.walk(t, club, old.Version)
		if n := h.rows(t, club); n != 0 {
			t.Errorf("a walk for a policy that is not in force any more judged %d", n)
		}
		before := b.Statements()
		h.walk(t, club, current.Version)
		if n := b.Statements() - before; n > 6*14 {
			t.Errorf("a walk over 1,001 members takes %d statements", n)
		}
		list := func(f compliance.Filter) []compliance.MemberCompliance {
			t.Helper()
			before := b.Statements()
			page, err := h.List(t.Context(), owner, club, f)
			if n := b.Statements() - before; err != nil || n > 3 {
				t.Errorf("%+v: %v, %d statements", f, err, n)
			}
			return page
		}
		seen := map[string]bool{}
		for offset := 0; ; offset += 100 {
			page := list(compliance.Filter{Status: compliance.StatusPastDue, Limit: 100, Offset: offset})
			for _, m := range page {
				seen[m.UserID] = true
			}
			if len(page) < 100 {
				break
			}
		}
		if len(seen) != 1001 || len(list(compliance.Filter{})) != 100 || len(list(compliance.Filter{Status: compliance.StatusCompliant})) != 0 {
			t.Errorf("%d members are past due", len(seen))
		}
		if report := h.enforce(t); report["suspended"] != 1001 {
			t.Errorf("the job reports %v", report)
		}
		h.set(t, owner, club, compliance.ModeOptional, 0)
		if n := len(list(compliance.Filter{Status: compliance.StatusSuspended, Limit: 10})); n != 10 {
			t.Errorf("%d are shown as suspended before they are judged", n)
		}
		if report := h.enforce(t); report["reevaluated"] != 1001 {
			t.Errorf("the job heals %v", report)
		}
		if n := h.heard.count(compliance.ActionRestored, ""); n != 1001 || h.restricted(t, all[999]) {
			t.Errorf("%d are restored", n)
		}
		for _, bad := range []compliance.Filter{{Status: "fine"}, {Limit: 101}, {Limit: -1}, {Offset: -1}} {
			if _, err := h.List(t.Context(), owner, club, bad); code(err) != "VALIDATION_ERROR" {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		if _, err := h.List(t.Context(), all[0], club, compliance.Filter{}); code(err) != "AUTHORIZATION_ERROR" {
			t.Errorf("a member: %v", err)
		}
	})
}

// TestStatements pins what the paths of people cost.
func TestStatements(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		bob := h.users(t, 1)[0]
		var places []authn.Affiliation
		for range 10 {
			club, owner := h.club(t)
			h.enter(t, club, "member", bob)
			h.ask(t, owner, club, compliance.ModeTOTP, 14)
			places = append(places, authn.Affiliation{ID: club, Name: "Club"})
		}
		quiet, _ := h.club(t)
		count := func(what string, limit int, do func() error) {
			t.Helper()
			before := b.Statements()
			err := do()
			if n := b.Statements() - before; err != nil || n > limit {
				t.Errorf("%s: %v, %d statements, %d are allowed", what, err, n, limit)
			}
		}
		count("an overview of ten organizations", 1, func() error {
			o, err := h.OverviewOf(t.Context(), bob, places)
			if len(o.Organizations) != 10 || o.OverallStatus != compliance.StatusInGrace {
				t.Errorf("%+v", o)
			}
			return err
		})
		count("an overview without organizations", 0, func() error {
			_, err := h.OverviewOf(t.Context(), bob, []authn.Affiliation{})
			return err
		})
		// Two each are the test's own.
		count("enrolling in ten organizations", 2+7, func() error { return h.totp(t.Context(), bob, true) })
		count("joining without a policy", 1+2, func() error { return h.join(t.Context(), quiet, bob) })
		count("leaving without a policy", 1+2, func() error { return h.leave(t.Context(), quiet, bob) })
	})
}
