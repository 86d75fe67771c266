package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

const myTrail = "/api/v1/users/me/audit-logs"

// unaudited are the operations that change something and leave no row, each with why.
var unaudited = map[string]string{
	"POST /api/v1/auth/sessions/refresh": "extends the session as every request does, and is the smallest of them",
}

// errand is a working request of an operation and what it must leave in the trail.
type errand struct {
	call harness.Call
	// actions are the actions of the rows that it leaves, in any order.
	actions []string
	// token reads the listing in which the rows must be; empty where nobody is left who may.
	token string
	// listing is the path of that listing.
	listing string
	// later says that the rows come with the mail that was asked for, which is written after
	// the answer, so that the answer tells nobody whether there is an account.
	later bool
}

// errands make everything that one operation needs and give the request that uses it.
var errands = passkeyErrands(map[string]func(t *testing.T, sys *harness.System) errand{
	"POST /api/v1/auth/register": func(_ *testing.T, sys *harness.System) errand {
		return errand{call: harness.Call{Path: registerPath, Body: sys.NewUser().Registration()}, actions: []string{"user.register", "session.create"}}
	},
	"POST /api/v1/auth/login": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		return errand{call: harness.LoginCall(u.Email, u.Password), actions: []string{"user.login"}, token: u.Token, listing: myTrail}
	},
	"POST /api/v1/auth/logout": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		return errand{call: harness.Call{Method: http.MethodPost, Path: "/api/v1/auth/logout", Token: sys.First().Login(t, u)}, actions: []string{"user.logout"}, token: u.Token, listing: myTrail}
	},
	"DELETE /api/v1/auth/sessions/{}": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		id := sys.First().CurrentSession(t, sys.First().Login(t, u))
		return errand{call: harness.Call{Method: http.MethodDelete, Path: "/api/v1/auth/sessions/" + id, Token: u.Token}, actions: []string{"session.revoke"}, token: u.Token, listing: myTrail}
	},
	"DELETE /api/v1/auth/sessions": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		sys.First().Login(t, u)
		return errand{call: harness.Call{Method: http.MethodDelete, Path: "/api/v1/auth/sessions", Token: u.Token}, actions: []string{"session.revoke"}, token: u.Token, listing: myTrail}
	},
	"POST /api/v1/auth/step-up": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		return errand{call: stepUp(u.Token, u.Password), actions: []string{"user.step_up"}, token: u.Token, listing: myTrail}
	},
	"PATCH /api/v1/users/me": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		return errand{call: harness.Call{Method: http.MethodPatch, Path: "/api/v1/users/me", Token: u.Token, Body: map[string]any{"full_name": "Another Name"}}, actions: []string{"user.update"}, token: u.Token, listing: myTrail}
	},
	"DELETE /api/v1/users/me": func(t *testing.T, sys *harness.System) errand {
		return errand{call: deleteMe(sys.First().Register(t)), actions: []string{"user.delete"}}
	},
	"POST /api/v1/users/me/password": func(t *testing.T, sys *harness.System) errand {
		u, fresh := sys.First().Register(t), sys.NewUser().Password
		return errand{call: changePassword(u, u.Password, fresh), actions: []string{"user.password_change"}, token: u.Token, listing: myTrail}
	},
	"POST /api/v1/auth/forgot-password": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		return errand{call: harness.Call{Path: "/api/v1/auth/forgot-password", Body: map[string]any{"email": u.Email}}, actions: []string{"user.password_reset.request"}, token: u.Token, listing: myTrail, later: true}
	},
	"POST /api/v1/auth/resend-verification": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		return errand{call: harness.Call{Path: "/api/v1/auth/resend-verification", Body: map[string]any{"email": u.Email}}, actions: []string{"user.email_verify.request"}, token: u.Token, listing: myTrail, later: true}
	},
	"POST /api/v1/auth/verify-email": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		token := sys.AwaitMail(t, "identity.verify_email", u.Email, 1).Token(t)
		return errand{call: harness.Call{Path: "/api/v1/auth/verify-email", Body: map[string]any{"token": token}}, actions: []string{"user.email_verify"}, token: u.Token, listing: myTrail}
	},
	"POST /api/v1/auth/reset-password": func(t *testing.T, sys *harness.System) errand {
		u, fresh := sys.First().Register(t), sys.NewUser().Password
		sys.First().Do(t, harness.Call{Path: "/api/v1/auth/forgot-password", Body: map[string]any{"email": u.Email}}).Want(t, http.StatusOK)
		token := sys.AwaitMail(t, "identity.reset_password", u.Email, 1).Token(t)
		return errand{call: harness.Call{Path: "/api/v1/auth/reset-password", Body: map[string]any{"token": token, "password": fresh, "password_confirm": fresh}}, actions: []string{"user.password_reset", "session.revoke"}}
	},
	"POST /api/v1/users/me/email": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		return errand{call: harness.Call{Path: "/api/v1/users/me/email", Token: u.Token, Body: map[string]any{"email": sys.NewUser().Email, "current_password": u.Password}}, actions: []string{"user.email_change.request"}, token: u.Token, listing: myTrail}
	},
	"POST /api/v1/contact": func(_ *testing.T, sys *harness.System) errand {
		return errand{call: harness.Call{Path: "/api/v1/contact", Body: map[string]any{
			"enquiry_type": "general", "name": "Somebody", "email": sys.NewUser().Email, "message": "How does one walk a trail?",
		}}, actions: []string{"contact.create"}}
	},
	"POST /api/v1/organizations": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		return errand{call: harness.Call{Path: organizationsPath, Token: u.Token, Body: map[string]any{"name": harness.Unique("Walk ")}}, actions: []string{"org.create"}, token: u.Token, listing: myTrail}
	},
	"PATCH /api/v1/organizations/{}":                   inOrganization("org.update", func(w walk) harness.Call { return harness.Rename(w.owner.Token, w.o, "Walked") }),
	"POST /api/v1/organizations/{}/members":            inOrganization("org.member.add", func(w walk) harness.Call { return harness.AddMember(w.owner.Token, w.o, w.stranger.Email, "guest") }),
	"DELETE /api/v1/organizations/{}/members/{}":       inOrganization("org.member.remove", func(w walk) harness.Call { return harness.RemoveMember(w.owner.Token, w.o, w.member.ID) }),
	"PATCH /api/v1/organizations/{}/members/{}/role":   inOrganization("org.member.role_change", func(w walk) harness.Call { return harness.ChangeRole(w.owner.Token, w.o, w.member.ID, "admin") }),
	"POST /api/v1/organizations/{}/transfer-ownership": inOrganization("org.ownership.transfer", func(w walk) harness.Call { return harness.Transfer(w.owner.Token, w.o, w.member.ID) }),
	"POST /api/v1/organizations/{}/invites":            inOrganization("org.invite.create", func(w walk) harness.Call { return harness.Invite(w.owner.Token, w.o, w.stranger.Email, "guest") }),
	"PUT /api/v1/organizations/{}/session-policy": inOrganization("org.session_policy.update", func(w walk) harness.Call {
		return harness.Call{Method: http.MethodPut, Path: w.o.Path("session-policy"), Token: w.owner.Token, Body: map[string]any{"idle_timeout": 600, "absolute_timeout": nil}}
	}),
	"PUT /api/v1/organizations/{}/security-policy": inOrganization("mfa.policy.update", func(w walk) harness.Call {
		return setPolicy(w.owner.Token, w.o, "require_totp", 14)
	}),
	"PATCH /api/v1/organizations/{}/users/{}/security-policy": inOrganization("mfa.policy.override", func(w walk) harness.Call {
		return override(w.owner.Token, w.o, w.member.ID, "exempt")
	}),
	"POST /api/v1/organizations/{}/members/{}/send-mfa-reminder": func(t *testing.T, sys *harness.System) errand {
		o := newTenant(t, sys.First())
		o.ask(t, sys.First(), "require_totp", 14)
		u := o.join(t, sys.First())
		return errand{call: remind(o.owner.Token, o.Organization, u.ID), actions: []string{"mfa.policy.reminder_sent"}, token: o.owner.Token, listing: o.Path("audit-logs")}
	},
	"POST /api/v1/organizations/{}/invites/{}/resend": inOrganization("org.invite.resend", func(w walk) harness.Call {
		return harness.Call{Method: http.MethodPost, Path: w.o.Path("invites", w.inviteID, "resend"), Token: w.owner.Token}
	}),
	"DELETE /api/v1/organizations/{}/invites/{}": inOrganization("org.invite.cancel", func(w walk) harness.Call {
		return harness.Call{Method: http.MethodDelete, Path: w.o.Path("invites", w.inviteID), Token: w.owner.Token}
	}),
	"POST /api/v1/invites/{}/accept": inOrganization("org.invite.accept", func(w walk) harness.Call { return harness.Accept(w.invited.Token, w.inviteToken) }),
	"DELETE /api/v1/organizations/{}": func(t *testing.T, sys *harness.System) errand {
		u := sys.First().Register(t)
		o := sys.First().Found(t, u.Token)
		return errand{call: harness.Call{Method: http.MethodDelete, Path: o.Path(), Token: u.Token}, actions: []string{"org.delete"}, token: u.Token, listing: myTrail}
	},
})

// walk is an organization with what errands need.
type walk struct {
	o                                harness.Organization
	owner, member, stranger, invited harness.User
	inviteID, inviteToken            string
}

// inOrganization is an errand inside an organization, to be read in its listing by a
// second owner, whom no errand touches.
func inOrganization(action string, call func(w walk) harness.Call) func(*testing.T, *harness.System) errand {
	return func(t *testing.T, sys *harness.System) errand {
		t.Helper()
		s := sys.First()
		w := walk{owner: s.Register(t), member: s.Register(t), stranger: s.Register(t), invited: s.Register(t)}
		reader := s.Register(t)
		w.o = s.Found(t, w.owner.Token)
		s.AddMember(t, w.owner.Token, w.o, reader, "owner")
		s.AddMember(t, w.owner.Token, w.o, w.member, "member")
		w.inviteID, w.inviteToken = s.Invite(t, w.owner.Token, w.o, w.invited.Email, "guest")
		return errand{call: call(w), actions: []string{action}, token: reader.Token, listing: w.o.Path("audit-logs")}
	}
}

func changePassword(u harness.User, current, fresh string) harness.Call {
	return harness.Call{Path: "/api/v1/users/me/password", Token: u.Token, Body: map[string]any{
		"current_password": current, "new_password": fresh, "new_password_confirm": fresh,
	}}
}

// Every operation that changes something leaves exactly its action, with the request id
// of its answer. One that the test does not know fails it by name.
func TestEveryChangeIsInTheTrail(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		for _, operation := range s.Document(t).Operations {
			route := routeOf(operation)
			if operation.Method == http.MethodGet || unaudited[route] != "" {
				continue
			}
			prepare := errands[route]
			if prepare == nil {
				prepare = factorErrands()[route]
			}
			if prepare == nil {
				t.Errorf("%s (%s) changes something and nobody has looked at what it leaves in the trail", operation.ID, route)
				continue
			}
			t.Run(operation.ID, func(t *testing.T) {
				t.Parallel()
				e := prepare(t, sys)
				a := s.Do(t, e.call)
				if a.Status >= 300 {
					t.Fatalf("the errand fails: %d %s", a.Status, a.Body)
				}
				if e.later {
					harness.Eventually(t, 15*time.Second, "the row comes with the mail", func() bool { return len(sys.AuditOf(t, a)) > 0 })
				}
				wantRows(t, sys, a, e.actions...)
				if e.token == "" {
					return
				}
				for _, action := range e.actions {
					if !slices.ContainsFunc(s.Trail(t, e.token, e.listing), func(row map[string]any) bool {
						return row["action"] == action && row["request_id"] == a.Header.Get("X-Request-Id") && row["success"] == true && textOf(row, "ip_address") == "127.0.0.1"
					}) {
						t.Errorf("%s is not in %s", action, e.listing)
					}
				}
			})
		}
	})
}

// wantRows checks that the request left rows of exactly these actions, all of success.
func wantRows(t *testing.T, sys *harness.System, a *harness.Answer, actions ...string) {
	t.Helper()
	var got []string
	for _, row := range sys.AuditOf(t, a) {
		got = append(got, row.Action)
		if row.Success != (a.Status < 400) || row.Success != (row.ErrorType == "") {
			t.Errorf("%s has success %t and error %q after %d", row.Action, row.Success, row.ErrorType, a.Status)
		}
	}
	slices.Sort(got)
	slices.Sort(actions)
	if !slices.Equal(got, actions) {
		t.Errorf("%s %s left %v in the trail, want %v", a.Call.Method, a.Call.Path, got, actions)
	}
}

// What is refused for a reason that matters leaves a row too; reads and slips leave none,
// and no row holds a secret.
func TestRefusalsAreInTheTrail(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		owner, guest, nobody := s.Register(t), s.Register(t), sys.NewUser()
		o := s.Found(t, owner.Token)
		s.AddMember(t, owner.Token, o, guest, "guest")
		csv := map[string]string{"Accept": "text/csv"}
		for name, c := range map[string]struct {
			call    harness.Call
			status  int
			actions []string
		}{
			"wrong password":      {harness.LoginCall(owner.Email, "Wrong-password-1"), http.StatusUnauthorized, []string{"user.login"}},
			"unknown email":       {harness.LoginCall(nobody.Email, "Wrong-password-1"), http.StatusUnauthorized, []string{"user.login"}},
			"password change":     {changePassword(owner, "Wrong-password-1", "Another-pass-123"), http.StatusUnauthorized, []string{"user.password_change"}},
			"deletion":            {harness.Call{Method: http.MethodDelete, Path: "/api/v1/users/me", Token: owner.Token, Body: map[string]any{"current_password": "Wrong-password-1"}}, http.StatusUnauthorized, []string{"user.delete"}},
			"step-up":             {stepUp(owner.Token, "Wrong-password-1"), http.StatusUnauthorized, []string{"user.step_up"}},
			"deletion vetoed":     {deleteMe(owner), http.StatusConflict, []string{"user.delete"}},
			"lack of role":        {harness.Rename(guest.Token, o, "Mine"), http.StatusForbidden, []string{"access.denied"}},
			"lack of role, read":  {harness.Call{Path: o.Path("audit-logs"), Token: guest.Token}, http.StatusForbidden, []string{"access.denied"}},
			"lack of rank":        {harness.ChangeRole(guest.Token, o, owner.ID, "guest"), http.StatusForbidden, []string{"access.denied"}},
			"export":              {harness.Call{Path: o.Path("audit-logs"), Token: owner.Token, Header: csv}, http.StatusOK, []string{"audit.export"}},
			"own export":          {harness.Call{Path: myTrail, Token: owner.Token, Header: csv}, http.StatusOK, []string{"audit.export"}},
			"everything about me": {harness.Call{Path: "/api/v1/users/me/export", Token: owner.Token}, http.StatusOK, []string{"user.export"}},
			"a slip":              {harness.Call{Method: http.MethodPatch, Path: o.Path(), Token: owner.Token, Body: map[string]any{"name": ""}}, http.StatusBadRequest, nil},
			"a stranger":          {harness.Rename(owner.Token, harness.Organization{ID: unknownID}, "Mine"), http.StatusNotFound, nil},
			"nobody":              {harness.Rename("", o, "Mine"), http.StatusUnauthorized, nil},
		} {
			a, err := s.Try(t.Context(), c.call)
			if err != nil {
				t.Fatal(err)
			}
			if a.Status != c.status {
				t.Errorf("%s: status %d, want %d: %s", name, a.Status, c.status, a.Body)
			}
			wantRows(t, sys, a, c.actions...)
		}
		readsLeaveNothing(t, sys, owner, o)

		dump := strings.Builder{}
		for _, listing := range []string{o.Path("audit-logs"), myTrail} {
			for _, row := range s.Trail(t, owner.Token, listing) {
				for name, value := range row {
					if text, ok := value.(string); ok {
						dump.WriteString(name + "=" + text + "\n")
					}
				}
			}
		}
		for _, row := range sys.AuditRows(t, "1 = 1") {
			dump.WriteString(row.Metadata + "\n" + row.ResourceID + "\n" + row.RequestID + "\n")
			if strings.Contains(row.Metadata, "@") {
				t.Errorf("%s: an address lies in the metadata: %s", row.Action, row.Metadata)
			}
		}
		sys.Secret("Wrong-password-1", "Another-pass-123")
		if secret := sys.SecretIn(dump.String()); secret != "" {
			t.Errorf("the trail holds the secret %q", secret)
		}
	})
}

// readsLeaveNothing reads everything there is to read and counts rows.
func readsLeaveNothing(t *testing.T, sys *harness.System, owner harness.User, o harness.Organization) {
	t.Helper()
	s := sys.First()
	before := sys.One(t, `SELECT count(*) FROM audit_entries`)
	for _, operation := range s.Document(t).Operations {
		if operation.Method != http.MethodGet || operation.Path == "/api/v1/users/me/export" {
			continue
		}
		path := strings.Replace(operation.Path, "{id}", o.ID, 1)
		if strings.Contains(path, "{") {
			path = pathParameter.ReplaceAllString(path, unknownID)
		}
		s.Do(t, harness.Call{Path: path, Token: owner.Token})
		s.Do(t, harness.Call{Method: http.MethodHead, Path: path, Token: owner.Token})
	}
	if after := sys.One(t, `SELECT count(*) FROM audit_entries`); after != before {
		t.Errorf("reading left rows: %s, then %s", before, after)
	}
}
