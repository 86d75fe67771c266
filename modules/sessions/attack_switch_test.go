package sessions_test

import (
	"testing"
	"time"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
)

// Where organizations limit nobody any more, a session that was begun as a limited one is
// whole, and where they do again it is limited at its next request, whatever a cache that
// outlives the processes says of it.
func TestLimitsAreSwitchedOffAndOn(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		limiting := gates(sessions.Gates{Compliance: gateFunc(func(a authn.Attempt) (authn.Decision, error) {
			if a.Account.Restricted(b.Clock.Now()) {
				return authn.Decision{Verdict: authn.Restrict}, nil
			}
			return authn.Decision{Verdict: authn.Continue}, nil
		})})
		on := newReplica(t, b, limiting)
		past := b.Clock.Now().Add(-time.Minute)
		on.changeUser(t, bob, func(a *authn.Account) { a.RestrictedFrom = past })
		s := on.signIn(t, bob)
		if !s.ComplianceOnly || !on.accepts(t, s).ComplianceOnly {
			t.Fatal("the session is not limited")
		}

		unlimited := newPeople()
		unlimited.byEmail[bob].account = on.people.account(bob)
		unlimited.change(bob, func(a *authn.Account) { a.RestrictedFrom = time.Time{} }) // as identity tells it then
		off := newReplica(t, b, func(s *setup) { s.people = unlimited })
		for range 2 { // from the old value, and from the one that replaced it
			if off.accepts(t, s).ComplianceOnly {
				t.Error("the session is limited where nobody limits")
			}
		}
		whole := off.signIn(t, bob)
		off.accepts(t, whole)

		again := newReplica(t, b, limiting, func(s *setup) { s.people = on.people })
		for name, one := range map[string]*authn.IssuedSession{"limited": s, "whole": whole} {
			for range 2 {
				if !again.accepts(t, one).ComplianceOnly {
					t.Errorf("the session that was begun as a %s one is not limited once organizations limit again", name)
				}
			}
		}
	})
}
