package e2e_test

import (
	"net/http"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

const racers, orgRounds = 64, 6

// expect counts the answers of a race: so many winners, everybody else refused as a loser
// may be.
func expect(t *testing.T, what string, answers []*harness.Answer, winners int, losers ...int) {
	t.Helper()
	allowed := map[int]bool{}
	for _, status := range losers {
		allowed[status] = true
	}
	won := 0
	for _, a := range answers {
		switch {
		case a.Status < 300:
			won++
		case !allowed[a.Status]:
			t.Errorf("%s: status %d: %s", what, a.Status, a.Body)
		}
	}
	if winners >= 0 && won != winners {
		t.Errorf("%s: %d succeeded, want %d", what, won, winners)
	}
}

// race sends one call each of many, spread over the processes.
func race(t *testing.T, sys *harness.System, call func(i int) harness.Call) []*harness.Answer {
	t.Helper()
	return together(t, racers, func(i int) (*harness.Answer, error) {
		return sys.Servers[i%len(sys.Servers)].Try(t.Context(), call(i))
	})
}

// At one instant, 64 callers take one slug, one membership and one invitation, and 64 more
// try to leave an organization without an owner.
func TestOrganizationRaces(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		users := make([]harness.User, 8)
		for i := range users {
			users[i] = sys.Servers[i%len(sys.Servers)].Register(t)
		}
		for name, try := range map[string]func(t *testing.T, sys *harness.System, users []harness.User){
			"slug": raceForSlug, "membership": raceForMembership, "invite": raceForInvite, "newcomer": raceOfNewcomers, "last owner": raceOfOwners, "transfer": raceOfTransfers,
		} {
			t.Run(name, func(t *testing.T) {
				for range orgRounds {
					try(t, sys, users)
				}
			})
		}
		if n := sys.One(t, `SELECT count(*) FROM tenancy_organizations o WHERE o.deleted_at IS NULL AND NOT EXISTS
			(SELECT 1 FROM tenancy_members m WHERE m.organization_id = o.id AND m.role = 'owner')`); n != "0" {
			t.Errorf("%s organizations have no owner", n)
		}
	})
}

func raceForSlug(t *testing.T, sys *harness.System, users []harness.User) {
	slug := harness.Unique("race-")
	expect(t, "slug", race(t, sys, func(i int) harness.Call {
		return harness.Call{Path: organizationsPath, Token: users[i%len(users)].Token, Body: map[string]any{"name": "Race", "slug": slug}}
	}), 1, http.StatusConflict)
}

func raceForMembership(t *testing.T, sys *harness.System, users []harness.User) {
	owner, joins := users[0], users[1]
	o := sys.First().Found(t, owner.Token)
	_, token := sys.Last().Invite(t, owner.Token, o, joins.Email, "guest")
	expect(t, "membership", race(t, sys, func(i int) harness.Call {
		if i%8 == 7 {
			return harness.Accept(joins.Token, token)
		}
		return harness.AddMember(owner.Token, o, joins.Email, "member")
	}), 1, http.StatusConflict, http.StatusNotFound)
	if n := sys.One(t, `SELECT count(*) FROM tenancy_members WHERE organization_id = '`+o.ID+`' AND user_id = '`+joins.ID+`'`); n != "1" {
		t.Errorf("%s memberships", n)
	}
}

func raceForInvite(t *testing.T, sys *harness.System, users []harness.User) {
	owner, joins := users[0], users[2]
	o := sys.First().Found(t, owner.Token)
	_, token := sys.Last().Invite(t, owner.Token, o, joins.Email, "guest")
	expect(t, "invitation", race(t, sys, func(i int) harness.Call {
		if i%8 == 7 {
			return harness.Accept(users[3].Token, token) // as somebody else
		}
		return harness.Accept(joins.Token, token)
	}), 1, http.StatusNotFound, http.StatusConflict, http.StatusForbidden)
}

func raceOfNewcomers(t *testing.T, sys *harness.System, users []harness.User) {
	o := sys.First().Found(t, users[0].Token)
	newcomer := sys.NewUser()
	_, token := sys.Last().Invite(t, users[0].Token, o, newcomer.Email, "guest")
	expect(t, "newcomer", race(t, sys, func(int) harness.Call { return harness.AcceptAs(newcomer, token) }),
		1, http.StatusNotFound, http.StatusConflict, http.StatusUnauthorized)
	if n := sys.One(t, `SELECT count(*) FROM tenancy_members WHERE organization_id = '`+o.ID+`'`); n != "2" {
		t.Errorf("%s members, want 2", n)
	}
}

// raceOfOwners has two owners demote, remove, leave and delete all at once.
func raceOfOwners(t *testing.T, sys *harness.System, users []harness.User) {
	a, b := users[4], users[5]
	o := sys.First().Found(t, a.Token)
	sys.Last().AddMember(t, a.Token, o, b, "owner")
	expect(t, "last owner", race(t, sys, func(i int) harness.Call {
		me, you := a, b
		if i%2 == 1 {
			me, you = b, a
		}
		switch i % 8 / 2 {
		case 0:
			return harness.RemoveMember(me.Token, o, me.ID)
		case 1:
			return harness.ChangeRole(me.Token, o, you.ID, "guest")
		case 2:
			return harness.ChangeRole(me.Token, o, me.ID, "member")
		default:
			return harness.RemoveMember(me.Token, o, you.ID)
		}
	}), -1, http.StatusConflict, http.StatusForbidden, http.StatusNotFound)
	if n := sys.One(t, `SELECT count(*) FROM tenancy_members WHERE organization_id = '`+o.ID+`' AND role = 'owner'`); n != "1" {
		t.Errorf("%s owners are left, want 1", n)
	}
}

// raceOfTransfers has one owner hand over to many at once: one of them gets it.
func raceOfTransfers(t *testing.T, sys *harness.System, users []harness.User) {
	o := sys.First().Found(t, users[6].Token)
	heirs := users[:4]
	for _, u := range heirs {
		sys.Last().AddMember(t, users[6].Token, o, u, "member")
	}
	expect(t, "transfer", race(t, sys, func(i int) harness.Call { return harness.Transfer(users[6].Token, o, heirs[i%len(heirs)].ID) }),
		1, http.StatusForbidden, http.StatusConflict)
	if n := sys.One(t, `SELECT count(*) FROM tenancy_members WHERE organization_id = '`+o.ID+`' AND role = 'owner'`); n != "1" {
		t.Errorf("%s owners after a transfer, want 1", n)
	}
}
