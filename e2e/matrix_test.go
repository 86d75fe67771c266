package e2e_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/contract"
	"github.com/authy2/backend/e2e/harness"
)

// grants is what every role may do; the test's own copy of the promise.
var grants = map[string][]string{
	"guest":  {"organization:read", "organization:leave"},
	"member": {"organization:read", "organization:leave"},
	"admin": {
		"organization:read", "organization:leave", "organization:update", "members:manage", "invites:read", "invites:manage",
		"policies:read", "policies:manage", "audit:read",
	},
	"owner": {
		"organization:read", "organization:leave", "organization:update", "members:manage", "invites:read", "invites:manage",
		"policies:read", "policies:manage", "audit:read", "organization:delete", "organization:transfer",
	},
}

// Every operation that takes the id of something that belongs to an organization or a
// user is called by everybody it must know apart. The operations come from the served
// document: one that the test has no call for fails it by name.
func TestTenantMatrix(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		m := newMatrix(t, sys)
		for _, operation := range sys.First().Document(t).Operations {
			route := routeOf(operation)
			probe, known := probes[route]
			switch {
			case !known && (operation.Permission != "" || takesID(operation)):
				t.Errorf("%s (%s) takes an id and is in no row of the matrix", operation.ID, route)
				continue
			case !known:
				continue
			}
			t.Run(operation.ID, func(t *testing.T) {
				t.Parallel()
				if probe.personal != nil {
					probe.personal(t, m)
					return
				}
				m.judge(t, operation, probe)
			})
		}
	})
}

var (
	pathParameter = regexp.MustCompile(`\{[^}]*\}`)
	idName        = regexp.MustCompile(`(?i)(^|_)(id|token|organization|member|invite|session|user)$|[a-z]Id$`)
)

// routeOf is the method and the path, with the names of its parameters left out.
func routeOf(o *contract.Operation) string {
	return o.Method + " " + pathParameter.ReplaceAllString(o.Path, "{}")
}

// takesID reports whether the operation takes an id in path, query or body.
func takesID(o *contract.Operation) bool {
	for _, p := range o.Parameters {
		if p.In == "path" || p.In == "query" && idName.MatchString(p.Name) {
			return true
		}
	}
	properties, _ := o.Body["properties"].(map[string]any)
	for name := range properties {
		if idName.MatchString(name) {
			return true
		}
	}
	return false
}

// matrix is who calls and whose things they call for.
type matrix struct {
	sys *harness.System
	s   *harness.Server
	// inside are the members by role; victim is the guest whom they act on.
	inside map[string]harness.User
	victim harness.User
	// outside are those who are none, by what they are instead.
	outside map[string]harness.User
	rival   harness.User
	foreign harness.Organization
	// foreignInvite is an invitation of the other organization.
	foreignInvite string
	// stranger is somebody whom no organization of the matrix has.
	stranger harness.User
}

// target is what a call names.
type target struct {
	org          harness.Organization
	user, invite string
	email        string
}

// probe is how the test calls an operation.
type probe struct {
	// need is the permission of this very call, where it is not the document's: an operation
	// may need another for oneself than for others.
	need string
	call func(token string, at target) harness.Call
	// removes says that success takes the victim, or the invitation, away.
	removesMember, removesInvite bool
	// before makes ready what a call needs each time somebody makes it who may.
	before func(t *testing.T, m *matrix, at target)
	// below is the id of which thing below the organization the call names.
	below string
	// quiet says that a foreign id below is answered like an unknown one with success: a
	// filter that finds nothing.
	quiet bool
	// personal replaces the matrix for operations that are not an organization's.
	personal func(t *testing.T, m *matrix)
}

func newMatrix(t *testing.T, sys *harness.System) *matrix {
	t.Helper()
	m := &matrix{sys: sys, s: sys.First(), inside: map[string]harness.User{}, outside: map[string]harness.User{}}
	for role := range grants {
		m.inside[role] = m.s.Register(t)
	}
	for _, who := range []string{"non-member", "removed member"} {
		m.outside[who] = m.s.Register(t)
	}
	m.victim, m.rival, m.stranger = m.s.Register(t), m.s.Register(t), m.s.Register(t)
	m.outside["owner of another organization"] = m.rival
	m.foreign = m.s.Found(t, m.rival.Token)
	m.foreignInvite, _ = m.s.Invite(t, m.rival.Token, m.foreign, sys.NewUser().Email, "guest")
	return m
}

// organization is a new one with everybody inside.
func (m *matrix) organization(t *testing.T) harness.Organization {
	t.Helper()
	owner := m.inside["owner"].Token
	o := m.s.Found(t, owner)
	for _, role := range []string{"admin", "member", "guest"} {
		m.s.AddMember(t, owner, o, m.inside[role], role)
	}
	m.s.AddMember(t, owner, o, m.victim, "guest")
	removed := m.outside["removed member"]
	m.s.AddMember(t, owner, o, removed, "admin")
	m.s.Do(t, harness.Call{Path: o.Path(), Token: removed.Token}).Want(t, http.StatusOK)
	m.s.Do(t, harness.RemoveMember(owner, o, removed.ID)).Want(t, http.StatusOK)
	return o
}

// invite makes an invitation that a call may name.
func (m *matrix) invite(t *testing.T, o harness.Organization) string {
	t.Helper()
	a := m.s.Do(t, harness.Invite(m.inside["owner"].Token, o, m.sys.NewUser().Email, "guest")).Want(t, http.StatusCreated)
	return a.Text("data", "invite", "id")
}

// judge calls one operation as everybody.
func (m *matrix) judge(t *testing.T, operation *contract.Operation, p probe) {
	t.Helper()
	if !slices.Contains(grants["owner"], operation.Permission) {
		t.Errorf("x-permission is %q", operation.Permission)
	}
	need := p.need
	if need == "" {
		need = operation.Permission
	}
	at := target{org: m.organization(t), user: m.victim.ID, email: m.stranger.Email}
	at.invite = m.invite(t, at.org)
	unknown := at
	unknown.org.ID = unknownID

	m.s.Do(t, p.call("", at)).WantError(t, http.StatusUnauthorized, "AUTH_REQUIRED")
	for who, u := range m.outside {
		found, missing := m.s.Do(t, p.call(u.Token, at)), m.s.Do(t, p.call(u.Token, unknown))
		found.WantError(t, http.StatusNotFound, "NOT_FOUND")
		if plain(found) != plain(missing) {
			t.Errorf("a %s can tell this organization from one that is not:\n%s\n%s", who, plain(found), plain(missing))
		}
		m.discreet(t, who, found, at.org)
	}
	for role, u := range m.inside {
		if !slices.Contains(grants[role], need) {
			m.s.Do(t, p.call(u.Token, at)).WantError(t, http.StatusForbidden, "AUTHORIZATION_ERROR")
		}
	}
	m.foreigners(t, p, at)
	for _, role := range []string{"guest", "member", "admin", "owner"} {
		if !slices.Contains(grants[role], need) {
			continue
		}
		if p.before != nil {
			p.before(t, m, at)
		}
		if a := m.s.Do(t, p.call(m.inside[role].Token, at)); a.Status >= 300 {
			t.Errorf("a %s, who has %s, is answered %d %s", role, need, a.Status, a.Body)
		} else if p.removesMember && role != "owner" {
			m.s.AddMember(t, m.inside["owner"].Token, at.org, m.victim, "guest")
		}
		if p.removesInvite {
			at.invite = m.invite(t, at.org)
		}
		if at.email == m.stranger.Email && operation.Method == http.MethodPost && strings.HasSuffix(operation.Path, "/members") && role != "owner" {
			m.s.Do(t, harness.RemoveMember(m.inside["owner"].Token, at.org, m.stranger.ID)).Want(t, http.StatusOK)
		}
	}
}

// foreigners names things of another organization inside one's own.
func (m *matrix) foreigners(t *testing.T, p probe, at target) {
	t.Helper()
	foreign, unknown := at, at
	switch p.below {
	case "user":
		foreign.user, unknown.user = m.rival.ID, unknownID
	case "invite":
		foreign.invite, unknown.invite = m.foreignInvite, unknownID
	default:
		return
	}
	owner := m.inside["owner"].Token
	a, b := m.s.Do(t, p.call(owner, foreign)), m.s.Do(t, p.call(owner, unknown))
	if plain(a) != plain(b) {
		t.Errorf("what another organization has is not answered like what nobody has:\n%s\n%s", plain(a), plain(b))
	}
	if p.quiet {
		a.Want(t, http.StatusOK)
	} else {
		a.WantError(t, http.StatusNotFound, "NOT_FOUND")
	}
	m.discreet(t, "owner of another organization", a, m.foreign)
	// And nothing happened to them.
	members := m.s.Do(t, harness.Call{Path: m.foreign.Path("members"), Token: m.rival.Token}).Want(t, http.StatusOK)
	invites := m.s.Do(t, harness.Call{Path: m.foreign.Path("invites"), Token: m.rival.Token}).Want(t, http.StatusOK)
	if !strings.Contains(string(members.Body), m.rival.ID) || !strings.Contains(string(invites.Body), m.foreignInvite) {
		t.Errorf("the other organization lost something: %s %s", members.Body, invites.Body)
	}
}

// plain is an answer without what differs in every one.
func plain(a *harness.Answer) string {
	return http.StatusText(a.Status) + " " + a.Header.Get("Content-Type") + a.Header.Get("Etag") + " " +
		strings.ReplaceAll(string(a.Body), a.Header.Get("X-Request-Id"), "")
}

// discreet fails when an answer to somebody outside tells of the organization.
func (m *matrix) discreet(t *testing.T, who string, a *harness.Answer, o harness.Organization) {
	t.Helper()
	secrets := []string{o.Name, o.Slug, m.victim.Email}
	for _, u := range m.inside {
		secrets = append(secrets, u.Email)
	}
	if o.ID == m.foreign.ID {
		secrets = []string{o.Name, o.Slug, m.rival.Email}
	}
	for _, secret := range secrets {
		if strings.Contains(string(a.Body), secret) || strings.Contains(a.Header.Get("Location")+a.Header.Get("Link"), secret) {
			t.Errorf("%s %s tells a %s of %q: %s", a.Call.Method, a.Call.Path, who, secret, a.Body)
		}
	}
}

// What needs no id tells nobody of an organization they are not in.
func TestListsStayInside(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Embedded, harness.Options{})
	m := newMatrix(t, sys)
	o := m.organization(t)
	for _, operation := range sys.First().Document(t).Operations {
		if operation.Method != http.MethodGet || strings.Contains(operation.Path, "{") || operation.Public {
			continue
		}
		for who, u := range m.outside {
			m.discreet(t, who, m.s.Do(t, harness.Call{Path: operation.Path, Token: u.Token}).Want(t, http.StatusOK), o)
		}
	}
}
