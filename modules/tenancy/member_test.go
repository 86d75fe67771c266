package tenancy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
)

func TestMembersAreTwoStatements(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		o := h.found(t, ann, "Acme")
		names := make([]string, 499)
		for i := range names {
			names[i] = fmt.Sprintf("user%d", i)
		}
		h.crowdIn(t, o.ID, h.users(t, names...))

		seen := map[string]bool{}
		after, pages := "", 0
		for {
			before := b.Statements()
			list, next, err := h.Members(t.Context(), ann, o.ID, tenancy.MemberQuery{After: after, Limit: 100})
			if err != nil {
				t.Fatal(err)
			}
			if n := b.Statements() - before; n != 2 {
				t.Errorf("a page of %d took %d statements", len(list), n)
			}
			for _, m := range list {
				if m.User.ID != m.UserID || !strings.HasSuffix(m.User.Email, "@example.com") {
					t.Errorf("a member without their user: %+v", m)
				}
				seen[m.UserID] = true
			}
			pages++
			if after = next; next == "" {
				break
			}
		}
		if pages != 5 || len(seen) != 500 {
			t.Errorf("%d members on %d pages", len(seen), pages)
		}

		before := b.Statements()
		if _, _, members, err := h.Read(t.Context(), ann, o.ID); err != nil || members != 500 || b.Statements()-before != 1 {
			t.Errorf("reading it: %d members, %v, %d statements", members, err, b.Statements()-before)
		}
		list, next, err := h.Members(t.Context(), ann, o.ID, tenancy.MemberQuery{Offset: 498, Limit: 10})
		if err != nil || len(list) != 2 || next != "" {
			t.Errorf("from an offset: %d, next %q, %v", len(list), next, err)
		}
		before = b.Statements()
		list, _, err = h.Members(t.Context(), ann, o.ID, tenancy.MemberQuery{Offset: 600, Limit: 10})
		if err != nil || len(list) != 0 || b.Statements()-before != 1 {
			t.Errorf("past the end: %v, %v, %d statements", list, err, b.Statements()-before)
		}
		if _, _, err := h.Members(t.Context(), h.user(t, "stranger"), o.ID, tenancy.MemberQuery{Offset: 600, Limit: 10}); !errors.Is(err, apperr.ErrNotFound) {
			t.Errorf("a stranger past the end: %v", err)
		}
	})
}

func TestAddMember(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann, bob := h.user(t, "ann"), h.user(t, "bob")
		o := h.found(t, ann, "Acme")
		carol := h.join(t, ann, o.ID, "carol", tenancy.RoleAdmin)
		h.facts.take(t)
		for name, c := range map[string]struct {
			caller, email string
			role          tenancy.Role
			want          string
		}{
			"unknown address":             {ann, "nobody@example.com", tenancy.RoleGuest, "NOT_FOUND"},
			"a member":                    {ann, "carol@example.com", tenancy.RoleGuest, "CONFLICT"},
			"above one's own role":        {carol, "bob@example.com", tenancy.RoleOwner, "AUTHORIZATION_ERROR"},
			"by a stranger":               {bob, "bob@example.com", tenancy.RoleGuest, "NOT_FOUND"},
			"a stranger learns no emails": {bob, "nobody@example.com", tenancy.RoleGuest, "NOT_FOUND"},
		} {
			if _, err := h.AddMember(t.Context(), c.caller, o.ID, tenancy.NewMember{Email: c.email, Role: c.role}); code(err) != c.want {
				t.Errorf("%s: %v, want %s", name, err, c.want)
			}
		}
		if facts := h.facts.take(t); len(facts) != 0 {
			t.Errorf("refusals left facts: %v", facts)
		}
		for range 2 { // removed members come back
			m, err := h.AddMember(t.Context(), carol, o.ID, tenancy.NewMember{Email: "BOB@example.com", Role: tenancy.RoleAdmin})
			if err != nil || m.UserID != bob || m.User.ID != bob || m.Role != tenancy.RoleAdmin || *m.InvitedByID != carol || m.InvitedAt == nil {
				t.Fatalf("added %+v, %v", m, err)
			}
			if err := h.RemoveMember(t.Context(), carol, o.ID, bob); err != nil {
				t.Fatal(err)
			}
		}
		facts := h.facts.take(t)
		if got := actionsOf(facts); got != strings.TrimSpace(strings.Repeat("org.member.add org.member.remove ", 2)) {
			t.Errorf("the facts are %s", got)
		}
		if f := facts[0]; f.ActorID != carol || f.ResourceID != bob || f.OrganizationID != o.ID || f.Metadata["role"] != "admin" {
			t.Errorf("the fact of adding is %+v", f)
		}
	})
}

func TestNobodyActsOnThoseAboveThem(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		o := h.found(t, ann, "Acme")
		second := h.join(t, ann, o.ID, "second", tenancy.RoleOwner)
		admin := h.join(t, ann, o.ID, "admin", tenancy.RoleAdmin)
		other := h.join(t, ann, o.ID, "other", tenancy.RoleAdmin)
		guest := h.join(t, ann, o.ID, "guest", tenancy.RoleGuest)
		stranger := h.user(t, "stranger")
		h.facts.take(t)
		role := func(caller, target string, role tenancy.Role) error {
			_, err := h.ChangeRole(t.Context(), caller, o.ID, target, role)
			return err
		}
		for _, c := range []struct {
			name string
			err  error
			want string
		}{
			{"an admin makes a guest an owner", role(admin, guest, tenancy.RoleOwner), "AUTHORIZATION_ERROR"},
			{"an admin makes themselves an owner", role(admin, admin, tenancy.RoleOwner), "AUTHORIZATION_ERROR"},
			{"an admin demotes an owner", role(admin, second, tenancy.RoleMember), "AUTHORIZATION_ERROR"},
			{"an admin removes an owner", h.RemoveMember(t.Context(), admin, o.ID, second), "AUTHORIZATION_ERROR"},
			{"a guest removes another", h.RemoveMember(t.Context(), guest, o.ID, other), "AUTHORIZATION_ERROR"},
			{"a guest promotes themselves", role(guest, guest, tenancy.RoleMember), "AUTHORIZATION_ERROR"},
			{"a stranger is removed", h.RemoveMember(t.Context(), admin, o.ID, stranger), "NOT_FOUND"},
			{"a stranger is promoted", role(admin, stranger, tenancy.RoleMember), "NOT_FOUND"},
			{"nobody is promoted", role(admin, id.Generator{}.New(), tenancy.RoleMember), "NOT_FOUND"},
			{"an owner hands over to a stranger", second2(h.Transfer(t.Context(), ann, o.ID, stranger)), "NOT_FOUND"},
			{"an owner hands over to themselves", second2(h.Transfer(t.Context(), ann, o.ID, ann)), "CONFLICT"},
			{"an admin promotes a guest", role(admin, guest, tenancy.RoleAdmin), ""},
			{"an admin demotes another", role(admin, other, tenancy.RoleMember), ""},
			{"an admin removes another", h.RemoveMember(t.Context(), admin, o.ID, guest), ""},
			{"an owner demotes another", role(ann, second, tenancy.RoleAdmin), ""},
			{"the last owner steps down", role(ann, ann, tenancy.RoleAdmin), "CONFLICT"},
			{"the last owner leaves", h.RemoveMember(t.Context(), ann, o.ID, ann), "CONFLICT"},
			{"an admin leaves", h.RemoveMember(t.Context(), admin, o.ID, admin), ""},
			{"and leaves again", h.RemoveMember(t.Context(), admin, o.ID, admin), "NOT_FOUND"},
		} {
			if code(c.err) != c.want {
				t.Errorf("%s: %v, want %q", c.name, c.err, c.want)
			}
		}
		facts := h.facts.take(t)
		if last := facts[len(facts)-1]; last.Action != tenancy.ActionMemberRemove || last.Metadata["left"] != "true" || last.ActorID != last.ResourceID {
			t.Errorf("leaving is told as %+v", last)
		}
	})
}

// second2 returns the error of a call that returns two values.
func second2[T any](_ T, err error) error { return err }

func TestTransfer(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		o := h.found(t, ann, "Acme")
		bob := h.join(t, ann, o.ID, "bob", tenancy.RoleGuest)
		h.facts.take(t)
		done, err := h.Transfer(t.Context(), ann, o.ID, bob)
		if err != nil || done.Previous.UserID != ann || done.Previous.Role != tenancy.RoleAdmin || done.New.UserID != bob || done.New.Role != tenancy.RoleOwner {
			t.Fatalf("transferred %+v, %v", done, err)
		}
		if roles := h.roles(t, o.ID); roles[ann] != tenancy.RoleAdmin || roles[bob] != tenancy.RoleOwner {
			t.Errorf("the roles are %v", roles)
		}
		if facts := h.facts.take(t); actionsOf(facts) != "org.ownership.transfer" || facts[0].ActorID != ann || facts[0].ResourceID != bob {
			t.Errorf("the facts are %+v", facts)
		}
		counts, err := h.CountRoles(t.Context(), ann, o.ID)
		if err != nil || fmt.Sprint(counts) != "[{owner 1} {admin 1} {member 0} {guest 0}]" {
			t.Errorf("the roles are counted as %v, %v", counts, err)
		}
	})
}

// TestTheNextCallKnows: what was taken away is gone for the very next call.
func TestTheNextCallKnows(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		o := h.found(t, ann, "Acme")
		bob := h.join(t, ann, o.ID, "bob", tenancy.RoleAdmin)
		name := "Bob's"
		rename := func() error {
			_, _, err := h.Update(t.Context(), bob, o.ID, tenancy.Profile{Name: &name, Precondition: anyTag})
			return err
		}
		if err := rename(); err != nil {
			t.Fatal(err)
		}
		if _, err := h.ChangeRole(t.Context(), ann, o.ID, bob, tenancy.RoleMember); err != nil {
			t.Fatal(err)
		}
		if err := rename(); !errors.Is(err, apperr.ErrAuthorization) {
			t.Errorf("a demoted admin: %v", err)
		}
		if err := h.RemoveMember(t.Context(), ann, o.ID, bob); err != nil {
			t.Fatal(err)
		}
		if _, _, _, err := h.Read(t.Context(), bob, o.ID); !errors.Is(err, apperr.ErrNotFound) {
			t.Errorf("a removed member: %v", err)
		}
	})
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann, bob := h.user(t, "ann"), h.user(t, "bob")
		o := h.found(t, ann, "Acme")
		before := b.Statements()
		m, err := h.directory.Authorize(t.Context(), b.DB.Read(), ann, strings.ToUpper(o.ID), authn.PermissionAuditRead)
		if err != nil || m != (authn.Membership{OrganizationID: o.ID, UserID: ann, Role: "owner"}) || b.Statements()-before != 1 {
			t.Errorf("%+v, %v, %d statements", m, err, b.Statements()-before)
		}
		for name, c := range map[string][2]string{
			"a stranger": {bob, o.ID}, "an unknown organization": {ann, bob}, "a malformed one": {ann, "x' OR 1=1"}, "a malformed user": {"", o.ID},
		} {
			if _, err := h.directory.Authorize(t.Context(), b.DB.Read(), c[0], c[1], authn.PermissionOrganizationRead); err != apperr.ErrNotFound { //nolint:errorlint // the very value
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
