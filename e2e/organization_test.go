package e2e_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

const (
	organizationsPath   = "/api/v1/organizations"
	myOrganizationsPath = "/api/v1/users/me/organizations"
	unknownID           = "018f3c6e-7b5a-7c3d-9e2f-0123456789ab"
)

// steps are what a journey did, to be found in the trail.
type steps struct {
	list []step
}

// step is an action and the request that did it.
type step struct {
	action, requestID string
	success           bool
}

func (s *steps) took(action string, a *harness.Answer) *harness.Answer {
	s.list = append(s.list, step{action, a.Header.Get("X-Request-Id"), a.Status < 400})
	return a
}

// Bob creates an organization, invites, promotes, is refused what a role lacks, hands the
// organization over and leaves. The trail has every step with the request id of its answer.
func TestOrganizationJourney(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		bob, carol, stranger := first.Register(t), last.Register(t), last.Register(t)
		done := &steps{}

		o := createByName(t, sys, bob, done)
		change := harness.Rename(bob.Token, o, "Renamed "+o.Name)
		done.took("org.update", first.Do(t, change).Want(t, http.StatusOK))

		joinByInvitation(t, sys, bob, carol, o, done)
		dave := joinAsNewcomer(t, sys, bob, o, done)

		// What a role lacks is refused, and a stranger finds nothing.
		for _, u := range []harness.User{carol, dave} {
			for _, c := range []harness.Call{
				harness.Rename(u.Token, o, "Mine"), harness.Invite(u.Token, o, "x@example.com", "guest"), harness.ChangeRole(u.Token, o, bob.ID, "guest"),
				{Path: o.Path("audit-logs"), Token: u.Token},
				{Method: http.MethodDelete, Path: o.Path(), Token: u.Token},
			} {
				done.took("access.denied", last.Do(t, c).WantError(t, http.StatusForbidden, "AUTHORIZATION_ERROR"))
			}
			last.Do(t, harness.Call{Path: o.Path("members"), Token: u.Token}).Want(t, http.StatusOK)
		}
		last.Do(t, harness.Rename(stranger.Token, o, "Mine")).WantError(t, http.StatusNotFound, "NOT_FOUND")
		last.Do(t, harness.Call{Path: o.Path(), Token: stranger.Token}).WantError(t, http.StatusNotFound, "NOT_FOUND")

		// Another role counts from the member's very next request on, in every process.
		for _, role := range []string{"admin", "guest", "member", "admin"} {
			a := done.took("org.member.role_change", first.Do(t, harness.ChangeRole(bob.Token, o, carol.ID, role)).Want(t, http.StatusOK))
			if a.Text("data", "member", "role") != role || a.Text("data", "member", "user_id") != carol.ID {
				t.Errorf("role_change answers %s", a.Body)
			}
			for _, s := range sys.Servers {
				if b := s.Do(t, harness.Call{Method: http.MethodPatch, Path: o.Path(), Token: carol.Token, Body: map[string]any{"description": harness.Unique("By a " + role)}}); role == "admin" {
					done.took("org.update", b.Want(t, http.StatusOK))
				} else {
					done.took("access.denied", b.WantError(t, http.StatusForbidden, "AUTHORIZATION_ERROR"))
				}
				wantRole(t, s, carol, o, role)
			}
		}
		// Nobody acts on someone above, or grants what they are not.
		for _, c := range []harness.Call{
			harness.ChangeRole(carol.Token, o, bob.ID, "member"), harness.RemoveMember(carol.Token, o, bob.ID), harness.ChangeRole(carol.Token, o, dave.ID, "owner"),
			harness.ChangeRole(carol.Token, o, carol.ID, "owner"), harness.Invite(carol.Token, o, "y@example.com", "owner"), harness.Transfer(carol.Token, o, carol.ID),
			harness.AddMember(carol.Token, o, stranger.Email, "owner"),
		} {
			last.Do(t, c).WantError(t, http.StatusForbidden, "AUTHORIZATION_ERROR")
		}

		// The last owner stays, and an account goes only when no organization needs it.
		first.Do(t, harness.RemoveMember(bob.Token, o, bob.ID)).WantError(t, http.StatusConflict, "CONFLICT")
		first.Do(t, harness.ChangeRole(bob.Token, o, bob.ID, "admin")).WantError(t, http.StatusConflict, "CONFLICT")
		a := last.Do(t, deleteMe(bob)).WantError(t, http.StatusConflict, "CONFLICT")
		if listed := a.List(t, "error", "details", "organizations"); len(listed) != 1 || listed[0]["id"] != o.ID {
			t.Errorf("details.organizations is %v, want the one organization", listed)
		}

		// Bob hands over and leaves.
		a = done.took("org.ownership.transfer", last.Do(t, harness.Transfer(bob.Token, o, carol.ID)).Want(t, http.StatusOK))
		if a.Value("data", "previous_owner") == nil || a.Value("data", "new_owner") == nil {
			t.Errorf("transfer answers %s", a.Body)
		}
		wantRole(t, first, carol, o, "owner")
		done.took("access.denied", first.Do(t, harness.Call{Method: http.MethodDelete, Path: o.Path(), Token: bob.Token}).WantError(t, http.StatusForbidden, "AUTHORIZATION_ERROR"))
		done.took("org.member.remove", first.Do(t, harness.RemoveMember(bob.Token, o, bob.ID)).Want(t, http.StatusOK))
		for _, s := range sys.Servers {
			s.Do(t, harness.Call{Path: o.Path(), Token: bob.Token}).WantError(t, http.StatusNotFound, "NOT_FOUND")
			wantRole(t, s, bob, o, "")
		}
		done.took("org.member.remove", last.Do(t, harness.RemoveMember(carol.Token, o, dave.ID)).Want(t, http.StatusOK))
		first.Do(t, harness.RemoveMember(carol.Token, o, dave.ID)).WantError(t, http.StatusNotFound, "NOT_FOUND")
		done.took("org.member.add", last.Do(t, harness.AddMember(carol.Token, o, bob.Email, "guest")).Want(t, http.StatusCreated))
		wantRole(t, first, bob, o, "guest")

		done.found(t, first, carol, o)

		// The slug of an organization that is gone can be had again.
		last.Do(t, harness.Call{Path: organizationsPath, Token: stranger.Token, Body: map[string]any{"name": "Other", "slug": o.Slug}}).WantError(t, http.StatusConflict, "CONFLICT")
		last.Do(t, harness.Call{Method: http.MethodDelete, Path: o.Path(), Token: carol.Token}).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			s.Do(t, harness.Call{Path: o.Path(), Token: carol.Token}).WantError(t, http.StatusNotFound, "NOT_FOUND")
			wantRole(t, s, bob, o, "")
		}
		first.Do(t, harness.Call{Path: organizationsPath, Token: stranger.Token, Body: map[string]any{"name": "Other", "slug": o.Slug}}).Want(t, http.StatusCreated)
	})
}

var slug = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// createByName creates an organization without naming a slug and tries its entity tag.
func createByName(t *testing.T, sys *harness.System, bob harness.User, done *steps) harness.Organization {
	t.Helper()
	name := harness.Unique("Bob's Söhne & Co. ")
	a := done.took("org.create", sys.First().Do(t, harness.Call{Path: organizationsPath, Token: bob.Token, Body: map[string]any{
		"name": name, "description": "What bob builds", "logo_url": "https://example.com/bob.png",
	}}).Want(t, http.StatusCreated))
	o := harness.Organization{ID: a.Text("data", "organization", "id"), Name: name, Slug: a.Text("data", "organization", "slug")}
	if !uuidV7.MatchString(o.ID) || !slug.MatchString(o.Slug) || !strings.Contains(o.Slug, name[len(name)-6:]) || a.Text("data", "organization", "role") != "owner" {
		t.Errorf("creating answers %s", a.Body)
	}
	if a.Header.Get("Location") != o.Path() {
		t.Errorf("Location is %q, want %q", a.Header.Get("Location"), o.Path())
	}
	get := sys.Last().Do(t, harness.Call{Path: a.Header.Get("Location"), Token: bob.Token}).Want(t, http.StatusOK)
	tag := get.Header.Get("Etag")
	if tag == "" || a.Header.Get("Etag") != "" && a.Header.Get("Etag") != tag || get.Value("data", "member_count") != float64(1) || get.Text("data", "organization", "name") != name {
		t.Errorf("the organization reads %q %s, created as %q", tag, get.Body, a.Header.Get("Etag"))
	}
	patch := func(match, body string) *harness.Answer {
		return sys.First().Do(t, harness.Call{Method: http.MethodPatch, Path: o.Path(), Token: bob.Token, Raw: []byte(body), Header: map[string]string{"If-Match": match}})
	}
	patch(`"another"`, `{"name":"No"}`).WantError(t, http.StatusPreconditionFailed, "PRECONDITION_FAILED")
	b := done.took("org.update", patch(tag, `{"description":null}`).Want(t, http.StatusOK))
	if b.Value("data", "organization", "description") != nil || b.Text("data", "organization", "logo_url") == "" || b.Text("data", "organization", "name") != name {
		t.Errorf("null did not clear, or cleared too much: %s", b.Body)
	}
	patch(tag, `{"logo_url":null}`).WantError(t, http.StatusPreconditionFailed, "PRECONDITION_FAILED")
	patch("*", `{"name":null}`).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	patch("*", `{"slug":"immutable"}`).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	remove := harness.Call{Method: http.MethodDelete, Path: o.Path(), Token: bob.Token, Header: map[string]string{"If-Match": tag}}
	sys.Last().Do(t, remove).WantError(t, http.StatusPreconditionFailed, "PRECONDITION_FAILED")
	for _, s := range []string{"No spaces", "Upper", "ümlaut", "a_b", strings.Repeat("x", 64), ""} {
		sys.First().Do(t, harness.Call{Path: organizationsPath, Token: bob.Token, Body: map[string]any{"name": "Bad", "slug": s}}).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	}
	return o
}

// joinByInvitation lets somebody who has an account accept an invitation.
func joinByInvitation(t *testing.T, sys *harness.System, bob, carol harness.User, o harness.Organization, done *steps) {
	t.Helper()
	first, last := sys.First(), sys.Last()
	a := done.took("org.invite.create", first.Do(t, harness.Invite(bob.Token, o, strings.ToUpper(carol.Email), "member")).Want(t, http.StatusCreated))
	if until := time.Until(a.Time(t, "data", "invite", "expires_at")); until < 167*time.Hour || until > 169*time.Hour {
		t.Errorf("an invitation lives for %s, want 7 days", until)
	}
	if a.Text("data", "invite", "email") != carol.Email || a.Text("data", "invite", "role") != "member" {
		t.Errorf("the invitation is %s", a.Body)
	}
	token := sys.AwaitMail(t, harness.InviteMail, carol.Email, 1).Token(t)
	if strings.Contains(string(a.Body), token) {
		t.Error("the token is in the answer, not in the mail alone")
	}
	resend := harness.Call{Method: http.MethodPost, Path: o.Path("invites", a.Text("data", "invite", "id"), "resend"), Token: bob.Token}
	done.took("org.invite.resend", last.Do(t, resend).Want(t, http.StatusOK))
	replaced := token
	token = sys.AwaitMail(t, harness.InviteMail, carol.Email, 2).Token(t)
	last.Do(t, harness.Call{Path: "/api/v1/invites/" + replaced}).WantError(t, http.StatusNotFound, "NOT_FOUND")

	seen := last.Do(t, harness.Call{Path: "/api/v1/invites/" + token}).Want(t, http.StatusOK)
	if seen.Text("data", "email") != carol.Email || seen.Text("data", "organization", "id") != o.ID || seen.Text("data", "role") != "member" || seen.Value("data", "user_exists") != true {
		t.Errorf("the invitation reads %s", seen.Body)
	}
	first.Do(t, harness.AcceptAs(carol, token)).Want(t, http.StatusUnauthorized)
	first.Do(t, harness.Accept(bob.Token, token)).Want(t, http.StatusForbidden)
	wantRole(t, first, carol, o, "")
	b := done.took("org.invite.accept", last.Do(t, harness.Accept(carol.Token, token)).Want(t, http.StatusOK))
	if b.Text("data", "user", "id") != carol.ID || b.Text("data", "organization", "id") != o.ID {
		t.Errorf("accepting answers %s", b.Body)
	}
	for _, s := range sys.Servers {
		wantRole(t, s, carol, o, "member")
		s.Do(t, harness.Accept(carol.Token, token)).WantError(t, http.StatusNotFound, "NOT_FOUND")
		s.Do(t, harness.Call{Path: "/api/v1/invites/" + token}).WantError(t, http.StatusNotFound, "NOT_FOUND")
	}
	// One more, to be cancelled.
	id, token := first.Invite(t, bob.Token, o, sys.NewUser().Email, "guest")
	last.Do(t, harness.Call{Method: http.MethodDelete, Path: o.Path("invites", id), Token: bob.Token}).Want(t, http.StatusOK)
	first.Do(t, harness.Call{Path: "/api/v1/invites/" + token}).WantError(t, http.StatusNotFound, "NOT_FOUND")
}

// joinAsNewcomer lets somebody without an account accept an invitation.
func joinAsNewcomer(t *testing.T, sys *harness.System, bob harness.User, o harness.Organization, done *steps) harness.User {
	t.Helper()
	dave := sys.NewUser()
	_, token := sys.Last().Invite(t, bob.Token, o, dave.Email, "guest")
	seen := sys.First().Do(t, harness.Call{Path: "/api/v1/invites/" + token}).Want(t, http.StatusOK)
	if seen.Value("data", "user_exists") != false {
		t.Errorf("the invitation reads %s", seen.Body)
	}
	weak := harness.AcceptAs(harness.User{Password: "password"}, token)
	sys.First().Do(t, weak).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	a := sys.First().Do(t, harness.AcceptAs(dave, token))
	if a.Status != http.StatusOK && a.Status != http.StatusCreated {
		t.Fatalf("accepting with a new account: %d %s", a.Status, a.Body)
	}
	done.took("org.invite.accept", a)
	dave.ID, dave.Token = a.Text("data", "user", "id"), a.Text("data", "token")
	a.Time(t, "data", "expires_at")
	if c := cookieOf(a); c == nil || c.Value != dave.Token {
		t.Errorf("a newcomer who is signed in gets the cookie %v", c)
	}
	for _, s := range sys.Servers {
		wantRole(t, s, dave, o, "guest")
	}
	sys.Last().Login(t, dave)
	return dave
}

// wantRole checks what a user is told of their role, everywhere they are; an empty one is
// no membership.
func wantRole(t *testing.T, s *harness.Server, u harness.User, o harness.Organization, role string) {
	t.Helper()
	for _, c := range []harness.Call{harness.Me(u.Token), {Path: myOrganizationsPath, Token: u.Token}} {
		got := ""
		for _, row := range s.Do(t, c).Want(t, http.StatusOK).List(t, "data", "organizations") {
			if row["id"] == o.ID {
				got, _ = row["role"].(string)
				if row["slug"] != o.Slug {
					t.Errorf("%s: slug is %v, want %s", c.Path, row["slug"], o.Slug)
				}
			}
		}
		if got != role {
			t.Errorf("%s: the role is %q, want %q", c.Path, got, role)
		}
	}
}

func deleteMe(u harness.User) harness.Call {
	return harness.Call{Method: http.MethodDelete, Path: "/api/v1/users/me", Token: u.Token, Body: map[string]any{"current_password": u.Password}}
}

// found looks for every step in the organization's trail, read as an owner.
func (s *steps) found(t *testing.T, server *harness.Server, owner harness.User, o harness.Organization) {
	t.Helper()
	rows := server.Trail(t, owner.Token, o.Path("audit-logs"))
	for i, row := range rows {
		if row["organization_id"] != o.ID {
			t.Errorf("a row of another organization: %v", row)
		}
		if i > 0 && textOf(row, "created_at") > textOf(rows[i-1], "created_at") {
			t.Errorf("row %d is newer than the one before", i)
		}
	}
	for _, step := range s.list {
		matching := slices.DeleteFunc(slices.Clone(rows), func(row map[string]any) bool {
			return row["request_id"] != step.requestID || row["action"] != step.action
		})
		if len(matching) != 1 {
			t.Errorf("%s with request id %s is %d times in the trail", step.action, step.requestID, len(matching))
			continue
		}
		row := matching[0]
		if row["success"] != step.success || textOf(row, "actor_id") == "" || textOf(row, "ip_address") != "127.0.0.1" || textOf(row, "user_agent") == "" {
			t.Errorf("%s: the row is %v, success should be %t", step.action, row, step.success)
		}
	}
}

func textOf(row map[string]any, name string) string {
	s, _ := row[name].(string)
	return s
}
