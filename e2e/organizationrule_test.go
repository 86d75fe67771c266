package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// An organization may shorten its members' sessions, from their next request on, and
// nobody else's; the shortest rule of all a user's organizations counts.
func TestSessionPolicy(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		owner, member, other := first.Register(t), last.Register(t), first.Register(t)
		o, p := first.Found(t, owner.Token), first.Found(t, other.Token)
		for _, s := range sys.Servers { // every process knows the sessions
			wantIdle(t, s, member.Token, 15*time.Minute)
			wantIdle(t, s, other.Token, 15*time.Minute)
		}
		put := func(token string, o harness.Organization, body string) *harness.Answer {
			return last.Do(t, harness.Call{Method: http.MethodPut, Path: o.Path("session-policy"), Token: token, Raw: []byte(body)})
		}
		for _, body := range []string{`901,"absolute_timeout":null`, `null,"absolute_timeout":28801`, `0,"absolute_timeout":null`, `-1,"absolute_timeout":null`, `"soon","absolute_timeout":null`, `1.5,"absolute_timeout":null`, `300,"absolute_timeout":200`} {
			put(owner.Token, o, `{"idle_timeout":`+body+`}`).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		}
		put(owner.Token, o, `{"idle_timeout":300,"absolute_timeout":null}`).Want(t, http.StatusOK)
		put(other.Token, p, `{"idle_timeout":120,"absolute_timeout":null}`).Want(t, http.StatusOK)
		first.AddMember(t, owner.Token, o, member, "guest")
		first.Do(t, harness.Call{Path: o.Path("session-policy"), Token: owner.Token}).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			wantIdle(t, s, member.Token, 5*time.Minute)
			wantIdle(t, s, other.Token, 2*time.Minute)
		}
		first.AddMember(t, other.Token, p, member, "guest")
		for _, s := range sys.Servers {
			wantIdle(t, s, member.Token, 2*time.Minute)
		}
		put(other.Token, p, `{"idle_timeout":null,"absolute_timeout":null}`).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			wantIdle(t, s, member.Token, 5*time.Minute)
			wantIdle(t, s, other.Token, 15*time.Minute)
		}
		last.Do(t, harness.RemoveMember(member.Token, o, member.ID)).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			wantIdle(t, s, member.Token, 15*time.Minute)
		}
		// What is over under the new rule is over at once: the member's session began long ago.
		last.AddMember(t, other.Token, p, owner, "guest")
		sys.Exec(t, `UPDATE sessions_sessions SET created_at = '`+time.Now().UTC().Add(-5*time.Minute).Format("2006-01-02 15:04:05.000000-07:00")+`' WHERE user_id = '`+member.ID+`'`)
		put(other.Token, p, `{"idle_timeout":null,"absolute_timeout":240}`).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			s.Do(t, harness.Me(member.Token)).Want(t, http.StatusUnauthorized)
			wantIdle(t, s, owner.Token, 4*time.Minute)
		}
	})
}

// wantIdle checks how long the session lives from this request on.
func wantIdle(t *testing.T, s *harness.Server, token string, want time.Duration) {
	t.Helper()
	a := s.Do(t, harness.Call{Method: http.MethodPost, Path: "/api/v1/auth/sessions/refresh", Token: token}).Want(t, http.StatusOK)
	if got := time.Until(a.Time(t, "data", "expires_at")); got > want+5*time.Second || got < want*3/4 {
		t.Errorf("%s: the session lives on for %s, want %s", s.URL, got.Round(time.Second), want)
	}
}

// Whoever is alone in an organization takes it along; mine are listed with my role.
func TestOrganizationGoesWithItsOnlyMember(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		u, v := sys.First().Register(t), sys.Last().Register(t)
		alone, shared := sys.First().Found(t, u.Token), sys.Last().Found(t, u.Token)
		sys.First().AddMember(t, u.Token, shared, v, "owner")
		sys.Last().Do(t, deleteMe(u)).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			s.Do(t, harness.Call{Path: alone.Path(), Token: v.Token}).WantError(t, http.StatusNotFound, "NOT_FOUND")
			a := s.Do(t, harness.Call{Path: shared.Path(), Token: v.Token}).Want(t, http.StatusOK)
			if a.Value("data", "member_count") != float64(1) {
				t.Errorf("a deleted user is still a member: %s", a.Body)
			}
		}
		sys.First().Do(t, harness.Call{Path: organizationsPath, Token: v.Token, Body: map[string]any{"name": "Again", "slug": alone.Slug}}).Want(t, http.StatusCreated)
	})
}

// Invitations show themselves to verified addresses only, and end after seven days.
func TestInvitations(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		owner, guest := sys.First().Register(t), sys.Last().Register(t)
		o := sys.First().Found(t, owner.Token)
		id, token := sys.First().Invite(t, owner.Token, o, guest.Email, "guest")
		mine := harness.Call{Path: "/api/v1/users/me/invites", Token: guest.Token}
		if a := sys.Last().Do(t, mine); a.Status == http.StatusOK && a.Value("data", "count") != float64(0) {
			t.Errorf("an address that nobody verified sees its invitations: %s", a.Body)
		} else if a.Status != http.StatusOK && a.Text("error", "type") != "EMAIL_NOT_VERIFIED" {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		sys.Exec(t, `UPDATE identity_users SET email_verified = TRUE WHERE id = '`+guest.ID+`'`)
		mine.Token = sys.Last().Login(t, guest)
		if list := sys.Last().Do(t, mine).Want(t, http.StatusOK).List(t, "data", "invites"); len(list) != 1 || list[0]["id"] != id {
			t.Errorf("my invitations are %v", list)
		}
		list := sys.Last().Do(t, harness.Call{Path: o.Path("invites"), Token: owner.Token}).Want(t, http.StatusOK).List(t, "data", "invites")
		if len(list) != 1 || list[0]["email"] != guest.Email {
			t.Errorf("the organization's invitations are %v", list)
		}
		// A second one for the same address takes the first one's place.
		again, second := sys.Last().Invite(t, owner.Token, o, guest.Email, "admin")
		sys.First().Do(t, harness.Accept(mine.Token, token)).WantError(t, http.StatusNotFound, "NOT_FOUND")
		if list := sys.First().Do(t, harness.Call{Path: o.Path("invites"), Token: owner.Token}).List(t, "data", "invites"); len(list) != 1 || list[0]["id"] != again {
			t.Errorf("after a second invitation: %v", list)
		}
		past := `'2020-01-01 00:00:00+00:00'`
		sys.Exec(t, `UPDATE tenancy_invites SET expires_at = `+past+` WHERE organization_id = '`+o.ID+`'`)
		sys.First().Do(t, harness.Call{Path: "/api/v1/invites/" + second}).WantError(t, http.StatusGone, "GONE")
		sys.Last().Do(t, harness.Accept(mine.Token, second)).WantError(t, http.StatusGone, "GONE")
		_, third := sys.First().Invite(t, owner.Token, o, guest.Email, "member")
		sys.Last().Do(t, harness.Accept(mine.Token, third)).Want(t, http.StatusOK)
		wantRole(t, sys.First(), guest, o, "member")
		sys.First().Do(t, harness.Invite(owner.Token, o, guest.Email, "guest")).WantError(t, http.StatusConflict, "CONFLICT")
		sys.First().Do(t, harness.AddMember(owner.Token, o, guest.Email, "guest")).WantError(t, http.StatusConflict, "CONFLICT")
		sys.First().Do(t, harness.AddMember(owner.Token, o, sys.NewUser().Email, "guest")).WantError(t, http.StatusNotFound, "NOT_FOUND")
	})
}

// The sample data is there to be tried, and adding it again changes nothing.
func TestSeededOrganizations(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}, func(t *testing.T, sys *harness.System) {
		for range 2 {
			if out, code := sys.CLI(t, nil, "seed", "--force"); code != 0 {
				t.Fatalf("seed: exit code %d\n%s", code, out)
			}
		}
		s := sys.First()
		for _, seeded := range []struct {
			email, password string
			roles           map[string]string
		}{
			{"admin@acme-corp.com", "AdminPass123!", map[string]string{"acme-corp": "owner", "data-systems": "owner"}},
			{"superadmin@acme-corp.com", "SuperAdmin123!", map[string]string{"tech-startup": "owner"}},
			{"bob@acme-corp.com", "UserPass123!", map[string]string{"acme-corp": "member"}},
			{"carol@acme-corp.com", "UserPass123!", map[string]string{"acme-corp": "admin"}},
			{"frank@tech-startup.com", "UserPass123!", map[string]string{"tech-startup": "admin"}},
			{"charlie@cross-org.com", "UserPass123!", map[string]string{"acme-corp": "guest", "tech-startup": "member"}},
			{"jack@data-systems.com", "UserPass123!", map[string]string{"data-systems": "member"}},
			{"david@acme-corp.com", "UserPass123!", map[string]string{}},
		} {
			a := s.Do(t, harness.LoginCall(seeded.email, seeded.password)).Want(t, http.StatusOK)
			list := s.Do(t, harness.Call{Path: myOrganizationsPath, Token: a.Text("data", "token")}).Want(t, http.StatusOK).List(t, "data", "organizations")
			if len(list) != len(seeded.roles) {
				t.Errorf("%s has %d organizations, want %d", seeded.email, len(list), len(seeded.roles))
			}
			for _, row := range list {
				if row["role"] != seeded.roles[textOf(row, "slug")] {
					t.Errorf("%s is %v of %v", seeded.email, row["role"], row["slug"])
				}
			}
		}
		if n := sys.One(t, `SELECT count(*) FROM tenancy_members`); n != "11" {
			t.Errorf("%s seeded members, want 11", n)
		}
	})
}

// Operators see organizations on the command line, and are held to the rules of accounts.
func TestOperatorsAndOrganizations(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}, func(t *testing.T, sys *harness.System) {
		owner, member := sys.First().Register(t), sys.First().Register(t)
		o := sys.First().Found(t, owner.Token)
		sys.First().AddMember(t, owner.Token, o, member, "member")
		for _, c := range []struct {
			args []string
			want []string
		}{
			{[]string{"orgs", "list", "--json"}, []string{o.ID, o.Slug}},
			{[]string{"orgs", "show", o.Slug}, []string{o.ID, o.Name}},
			{[]string{"orgs", "members", o.ID}, []string{owner.Email, member.Email, "owner"}},
		} {
			out, code := sys.CLI(t, nil, c.args...)
			for _, want := range c.want {
				if code != 0 || !strings.Contains(out, want) {
					t.Errorf("%v: exit code %d, want %q in\n%s", c.args, code, want, out)
				}
			}
		}
		if out, code := sys.CLI(t, nil, "users", "delete", owner.Email); code == 0 || !strings.Contains(out, o.Slug) && !strings.Contains(out, o.Name) {
			t.Errorf("deleting a sole owner: exit code %d, want the organization named in\n%s", code, out)
		}
		if out, code := sys.CLI(t, nil, "users", "delete", member.Email); code != 0 {
			t.Errorf("deleting a member: exit code %d\n%s", code, out)
		}
		if a := sys.First().Do(t, harness.Call{Path: o.Path(), Token: owner.Token}); a.Value("data", "member_count") != float64(1) {
			t.Errorf("a deleted user is still a member: %s", a.Body)
		}
		if rows := sys.AuditRows(t, "action = 'user.delete' AND resource_id = '"+member.ID+"'"); len(rows) != 1 || !rows[0].Success {
			t.Errorf("an operator's deletion is in the trail as %v", rows)
		}
	})
}
