package e2e_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/contract"
	"github.com/authy2/backend/e2e/harness"
)

// Members see each other, page by page, and of each other what a colleague may know.
func TestMembersList(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		owner, guest := s.Register(t), s.Register(t)
		o := s.Found(t, owner.Token)
		want := map[any]string{owner.ID: "owner", guest.ID: "guest"}
		s.AddMember(t, owner.Token, o, guest, "guest")
		for range 9 {
			u := s.Register(t)
			s.AddMember(t, owner.Token, o, u, "member")
			want[u.ID] = "member"
		}
		got := map[any]string{}
		for next, pages := o.Path("members")+"?limit=4", 1; next != ""; pages++ {
			a := sys.Servers[pages%len(sys.Servers)].Do(t, harness.Call{Path: next, Token: guest.Token}).Want(t, http.StatusOK)
			for _, row := range a.List(t, "data", "members") {
				got[row["user_id"]] = textOf(row, "role")
				user, _ := row["user"].(map[string]any)
				if names := slices.Sorted(maps.Keys(user)); !slices.Equal(names, []string{"avatar_url", "email", "full_name", "id", "status"}) {
					t.Errorf("members see %v of each other", names)
				}
				if row["organization_id"] != o.ID || textOf(row, "joined_at") == "" {
					t.Errorf("a member is %v", row)
				}
			}
			if next = a.Text("meta", "next_cursor"); next != "" {
				next = o.Path("members") + "?limit=4&cursor=" + url.QueryEscape(next)
			}
			if pages > 3 {
				t.Fatal("the pages do not end")
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("the members are %v, want %v", got, want)
		}
		a := s.Do(t, harness.Call{Path: o.Path("members") + "?limit=5&offset=10", Token: guest.Token}).Want(t, http.StatusOK)
		if a.Value("data", "count") != float64(1) {
			t.Errorf("from the tenth on: %s", a.Body)
		}
		roles := map[string]any{}
		for _, row := range s.Do(t, harness.Call{Path: o.Path("roles"), Token: guest.Token}).Want(t, http.StatusOK).List(t, "data", "roles") {
			roles[textOf(row, "role")] = row["member_count"]
		}
		if !maps.Equal(roles, map[string]any{"owner": 1.0, "admin": 0.0, "member": 9.0, "guest": 1.0}) {
			t.Errorf("the roles are %v", roles)
		}
		get := s.Do(t, harness.Call{Path: o.Path(), Token: guest.Token}).Want(t, http.StatusOK)
		if get.Value("data", "member_count") != float64(11) || get.Text("data", "organization", "role") != "guest" {
			t.Errorf("the organization is %s", get.Body)
		}
	})
}

// A repeated Idempotency-Key is one organization, one invitation, one mail and one row.
func TestOrganizationRepeats(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		u, invited := sys.First().Register(t), sys.NewUser()
		create := harness.Call{
			Path: organizationsPath, Token: u.Token, Body: map[string]any{"name": harness.Unique("Once ")},
			Header: map[string]string{"Idempotency-Key": harness.Unique("key-")},
		}
		a := sys.First().Do(t, create).Want(t, http.StatusCreated)
		b := sys.Last().Do(t, create).Want(t, http.StatusCreated)
		if string(a.Body) != string(b.Body) || b.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("the second answer is another one:\n%s\n%s", a.Body, b.Body)
		}
		o := harness.Organization{ID: a.Text("data", "organization", "id")}
		invite := harness.Invite(u.Token, o, invited.Email, "guest")
		invite.Header = map[string]string{"Idempotency-Key": harness.Unique("key-")}
		for _, s := range []*harness.Server{sys.First(), sys.Last(), sys.First()} {
			s.Do(t, invite).Want(t, http.StatusCreated)
		}
		m := sys.AwaitMail(t, harness.InviteMail, invited.Email, 1)
		if m.MessageID == "" || m.From == "" || strings.ContainsAny(m.Subject, "\r\n") || m.Subject == "" {
			t.Errorf("the mail is %+v", m)
		}
		if list := sys.Last().Do(t, harness.Call{Path: myOrganizationsPath, Token: u.Token}).List(t, "data", "organizations"); len(list) != 1 {
			t.Errorf("%d organizations, want 1", len(list))
		}
		if n := len(sys.AuditRows(t, "action = 'org.invite.create'")); n != 1 {
			t.Errorf("%d rows for one invitation", n)
		}
		if n := len(sys.Mails(t, harness.InviteMail, invited.Email)); n != 1 {
			t.Errorf("%d mails for one invitation", n)
		}
	})
}

// Whatever is listed by pages takes the same limits and cursors, and refuses the same ones.
func TestEveryListPages(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := s.Register(t)
		o := s.Found(t, u.Token)
		lists := 0
		for _, operation := range s.Document(t).Operations {
			if !slices.ContainsFunc(operation.Parameters, func(p contract.Parameter) bool { return p.Name == "cursor" }) {
				continue
			}
			lists++
			path := strings.Replace(operation.Path, "{id}", o.ID, 1)
			for _, query := range []string{
				"limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "limit=1&limit=2", "cursor=abc", "cursor=%00", "cursor=e30", "cursor=bnVsbA", "cursor=a&cursor=b",
				"cursor=" + strings.Repeat("A", 5000), "cursor=eyJpZCI6IicgT1IgMT0xIn0", "nothing=1", "Limit=1", "limit=%zz",
			} {
				s.Do(t, harness.Call{Path: path + "?" + query, Token: u.Token}).Want(t, http.StatusBadRequest)
			}
			for _, query := range []string{"", "?limit=1", "?limit=100"} {
				a := s.Do(t, harness.Call{Path: path + query, Token: u.Token}).Want(t, http.StatusOK)
				if _, counted := a.Value("data", "count").(float64); !counted || a.Value("meta", "limit") == nil {
					t.Errorf("%s%s answers without count or limit: %s", operation.Path, query, a.Body)
				}
			}
		}
		if lists < 7 {
			t.Errorf("%d lists, want at least 7", lists)
		}
	})
}
