package identity_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// Judged accounts are held, suspended, restored and restricted together, and only those whose
// status says so.
func TestJudgedAccounts(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		j := identity.NewJudged(b.DB, b.Clock, b.Bus, h.log, h.postman)
		admin := identity.NewAdmin(h.Service)
		var ids []string
		for _, name := range []string{"ann", "bob", "carol"} {
			done, _ := h.register(t, name+"@example.com", anotherPass)
			ids = append(ids, done.Account.UserID)
		}
		if _, err := admin.SetStatus(t.Context(), ids[2], identity.StatusSuspended); err != nil {
			t.Fatal(err)
		}
		var statuses, stale []string
		b.Bus.Subscribe(b.Jobs,
			events.On("test.hear_statuses", func(_ context.Context, _ bun.Tx, e events.UserStatusChanged) error {
				statuses = append(statuses, e.UserID+" "+e.Status)
				return nil
			}),
			events.On("test.hear_stale", func(_ context.Context, _ bun.Tx, e events.SessionLimitsChanged) error {
				stale = append(stale, e.UserIDs...)
				return nil
			}),
		)
		inTx := func(fn func(ctx context.Context, tx bun.Tx) error) {
			t.Helper()
			statuses, stale = nil, nil
			if err := b.DB.InTx(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
			slices.Sort(statuses)
			slices.Sort(stale)
		}
		sorted := slices.Clone(ids[:2])
		slices.Sort(sorted)

		inTx(func(ctx context.Context, tx bun.Tx) error {
			held, err := j.HoldUsers(ctx, tx, append(slices.Clone(ids), "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a31"))
			if err == nil && (len(held) != 3 || held[ids[0]] != "active" || held[ids[2]] != "suspended") {
				t.Errorf("held %v", held)
			}
			return err
		})
		for _, suspended := range []bool{true, false} {
			want := "active"
			if suspended {
				want = "compliance_suspended"
			}
			for again := range 2 {
				inTx(func(ctx context.Context, tx bun.Tx) error {
					changed, err := j.SetSuspended(ctx, tx, ids, suspended)
					slices.Sort(changed)
					if err == nil && again == 0 && !slices.Equal(changed, sorted) || again == 1 && len(changed) > 0 {
						t.Errorf("suspended %v, time %d: changed %v", suspended, again, changed)
					}
					return err
				})
				if again == 0 && (!slices.Equal(stale, sorted) || len(statuses) != 2 || !strings.HasSuffix(statuses[0], " "+want)) {
					t.Errorf("suspended %v: told %v, stale %v", suspended, statuses, stale)
				}
				if again == 1 && len(stale)+len(statuses) > 0 {
					t.Errorf("suspended %v again: told %v, stale %v", suspended, statuses, stale)
				}
			}
			if got := value[string](t, h, "status", ids[0]); got != want {
				t.Errorf("the status is %s, want %s", got, want)
			}
			if got := value[string](t, h, "status", ids[2]); got != "suspended" {
				t.Errorf("the operator's suspension is %s", got)
			}
		}

		deadline := database.Canonical(b.Clock.Now().Add(time.Hour))
		policies := identity.NewDirectory(identity.Extent{SecondFactors: true, Policies: true}, b.DB, h.passwords, h.rehasher)
		for _, from := range []map[string]time.Time{{ids[0]: deadline, ids[1]: {}}, {ids[0]: {}}} {
			inTx(func(ctx context.Context, tx bun.Tx) error { return j.Restrict(ctx, tx, from) })
			if len(stale) != len(from) {
				t.Errorf("restricted %v: stale %v", from, stale)
			}
			for userID, want := range from {
				a, err := policies.Account(t.Context(), userID)
				if err != nil || !a.RestrictedFrom.Equal(want) || a.Restricted(deadline.Add(-time.Microsecond)) || a.Restricted(deadline) == want.IsZero() {
					t.Errorf("restricted from %v, %v, want %v", a.RestrictedFrom, err, want)
				}
			}
		}
	})
}

// A mail about a policy tells nothing of the administrator who had it sent.
func TestPolicyNotice(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	h := newHouse(t, b)
	j := identity.NewJudged(b.DB, b.Clock, b.Bus, h.log, h.postman)
	where := client()
	ctx := authn.WithClient(t.Context(), &where)
	err := b.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		return j.Tell(ctx, tx, ann, compliance.Notice{Purpose: "identity.test", Subject: "Set up a second factor", Lines: []string{"Acme asks for it."}})
	})
	if err != nil {
		t.Fatal(err)
	}
	mails := h.mails(t)
	if len(mails) != 1 || mails[0].To != ann || !strings.Contains(mails[0].Text, "Acme asks for it.") || strings.Contains(mails[0].Text, where.Address.String()) {
		t.Errorf("the mails are %+v", mails)
	}
}
