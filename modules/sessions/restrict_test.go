package sessions_test

import (
	"testing"
	"time"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// A deadline of an organization limits the sessions that live when it passes, without
// anybody's doing, and those that begin later, on every replica; whoever lifts it makes all
// of them whole.
func TestDeadlineLimitsSessionsUntilItIsLifted(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		deadline := func(s *setup) {
			s.parts.Gates.Compliance = gateFunc(func(a authn.Attempt) (authn.Decision, error) {
				if a.Account.Restricted(b.Clock.Now()) {
					return authn.Decision{Verdict: authn.Restrict}, nil
				}
				return authn.Decision{Verdict: authn.Continue}, nil
			})
		}
		r := newReplica(t, b, deadline, short(time.Hour, 8*time.Hour))
		at := b.Clock.Now().Add(10 * time.Minute)
		r.changeUser(t, bob, func(a *authn.Account) { a.RestrictedFrom = at })
		early := r.signIn(t, bob)
		if early.ComplianceOnly || r.accepts(t, early).ComplianceOnly {
			t.Error("a session is limited before the deadline")
		}
		b.Clock.Advance(at.Sub(b.Clock.Now()) - time.Millisecond)
		if r.accepts(t, early).ComplianceOnly {
			t.Error("a session is limited a millisecond before the deadline")
		}
		b.Clock.Advance(time.Millisecond)
		late := r.signIn(t, bob)
		other := newReplica(t, b, deadline, func(s *setup) { s.people = r.people }, short(time.Hour, 8*time.Hour))
		for name, s := range map[string]*authn.IssuedSession{"early": early, "late": late} {
			for where, replica := range map[string]*replica{"here": r, "elsewhere": other} {
				if !replica.accepts(t, s).ComplianceOnly {
					t.Errorf("the %s session is whole %s after the deadline", name, where)
				}
			}
		}
		if !late.ComplianceOnly {
			t.Error("a sign-in after the deadline gives a whole session")
		}
		list, _, err := r.List(t.Context(), r.accepts(t, early), "", 10)
		if err != nil || len(list) != 2 || !list[0].ComplianceOnly || !list[1].ComplianceOnly {
			t.Errorf("the list shows %+v, %v", list, err)
		}

		r.changeUser(t, bob, func(a *authn.Account) { a.RestrictedFrom = time.Time{} })
		r.publish(t, events.RestrictionLifted{UserIDs: []string{r.people.account(bob).UserID}})
		for name, s := range map[string]*authn.IssuedSession{"early": early, "late": late} {
			if r.accepts(t, s).ComplianceOnly {
				t.Errorf("the %s session is limited after the restriction was lifted", name)
			}
		}
	})
}

// A deadline that is set while a sign-in is under way limits its session.
func TestDeadlineThatIsSetDuringASignIn(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	var asked []bool
	r := newReplica(t, b, gates(sessions.Gates{Compliance: gateFunc(func(a authn.Attempt) (authn.Decision, error) {
		asked = append(asked, a.Account.Restricted(b.Clock.Now()))
		if asked[len(asked)-1] {
			return authn.Decision{Verdict: authn.Restrict}, nil
		}
		return authn.Decision{Verdict: authn.Continue}, nil
	})}))
	before := r.people.account(bob)
	r.changeUser(t, bob, func(a *authn.Account) { a.RestrictedFrom = b.Clock.Now().Add(-time.Second) })
	out, err := r.complete(t, authn.Attempt{Account: before, Flow: authn.FlowPassword, Methods: []string{"pwd"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(asked) != 2 || asked[0] || !asked[1] || !out.Session.ComplianceOnly {
		t.Errorf("the gate was asked with %v, the session is limited: %t", asked, out.Session.ComplianceOnly)
	}
}
