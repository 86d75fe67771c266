package tenancy_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/platformtest"
)

func TestDeletingASoleOwner(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		shared, second, alone := h.found(t, ann, "Shared"), h.found(t, ann, "Second"), h.found(t, ann, "Alone")
		bob := h.join(t, ann, shared.ID, "bob", tenancy.RoleMember)
		h.join(t, ann, second.ID, "carol", tenancy.RoleOwner)
		dave := h.join(t, bobsInviter(t, h, ann, bob, shared.ID), shared.ID, "dave", tenancy.RoleGuest)
		h.facts.take(t)

		err := h.deleteUser(t, ann)
		named, _ := apperr.From(err).Details()["organizations"].([]tenancy.OwnedOrganization)
		if !errors.Is(err, apperr.ErrConflict) || len(named) != 1 || named[0] != (tenancy.OwnedOrganization{ID: shared.ID, Name: "Shared", Slug: shared.Slug}) {
			t.Fatalf("a sole owner is deleted with %v, details %v", err, apperr.From(err).Details())
		}
		if len(h.roles(t, alone.ID)) != 1 || len(h.facts.take(t)) != 0 {
			t.Error("a vetoed deletion left something behind")
		}

		if _, err := h.Transfer(t.Context(), ann, shared.ID, bob); err != nil {
			t.Fatal(err)
		}
		h.facts.take(t)
		if err := h.deleteUser(t, ann); err != nil {
			t.Fatal(err)
		}
		if got := actionsOf(h.facts.take(t)); got != "org.member.remove org.member.remove org.delete" {
			t.Errorf("the facts are %s", got)
		}
		for _, o := range []tenancy.Organization{shared, second, alone} {
			if _, there := h.roles(t, o.ID)[ann]; there {
				t.Errorf("the deleted user is a member of %s", o.Name)
			}
		}
		if n := h.count(t, "tenancy_deletions"); n != 1 {
			t.Errorf("%d marks, want that of the organization nobody is left in", n)
		}
		if o := h.found(t, bob, "Alone"); o.Slug != alone.Slug {
			t.Errorf("the slug of the organization that went along is %s now", o.Slug)
		}

		// Whom somebody brought in stays, and the inviter is forgotten.
		if err := h.deleteUser(t, bob); !errors.Is(err, apperr.ErrConflict) {
			t.Fatalf("the new sole owner: %v", err)
		}
		if _, err := h.Transfer(t.Context(), bob, shared.ID, dave); err != nil {
			t.Fatal(err)
		}
		if err := h.deleteUser(t, bob); err != nil {
			t.Fatal(err)
		}
		list, _, err := h.Members(t.Context(), dave, shared.ID, tenancy.MemberQuery{Limit: 10})
		if err != nil || len(list) != 1 || list[0].InvitedByID != nil || list[0].InvitedAt == nil {
			t.Errorf("who is left: %+v, %v", list, err)
		}
	})
}

// bobsInviter makes bob an admin and returns bob.
func bobsInviter(t *testing.T, h *house, ann, bob, organizationID string) string {
	t.Helper()
	if _, err := h.ChangeRole(t.Context(), ann, organizationID, bob, tenancy.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	return bob
}

// TestReconcile deletes users while nobody listens.
func TestReconcile(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		shared, plain, alone := h.found(t, ann, "Shared"), h.found(t, ann, "Plain"), h.found(t, ann, "Alone")
		h.join(t, ann, shared.ID, "guest", tenancy.RoleGuest)
		h.join(t, ann, shared.ID, "member", tenancy.RoleMember)
		admin := h.join(t, ann, shared.ID, "admin", tenancy.RoleAdmin)
		h.join(t, ann, shared.ID, "younger", tenancy.RoleAdmin)
		member := h.join(t, ann, plain.ID, "plain", tenancy.RoleMember)
		h.join(t, ann, plain.ID, "plainer", tenancy.RoleMember)
		h.facts.take(t)
		h.change(t, func(ctx context.Context, tx bun.Tx) error { return h.vanish(ctx, tx, ann) })

		list, _, err := h.Members(t.Context(), admin, shared.ID, tenancy.MemberQuery{Limit: 10})
		if err != nil || len(list) != 4 {
			t.Errorf("before: %d members, %v", len(list), err)
		}
		report, err := h.Reconcile(t.Context())
		if err != nil || report["deletions"] != 1 || report["users"] != 1 {
			t.Fatalf("the report is %v, %v", report, err)
		}
		if roles := h.roles(t, shared.ID); roles[admin] != tenancy.RoleOwner || h.owners(t, shared.ID) != 1 || len(roles) != 4 {
			t.Errorf("the oldest admin is not the owner: %v", roles)
		}
		if roles := h.roles(t, plain.ID); roles[member] != tenancy.RoleOwner || len(roles) != 2 {
			t.Errorf("the oldest member is not the owner: %v", roles)
		}
		if len(h.roles(t, alone.ID)) != 0 || h.count(t, "tenancy_deletions") != 1 {
			t.Error("an organization with nobody left is still there")
		}
		for _, f := range h.facts.take(t) {
			if f.ActorID != "" || f.Metadata["reason"] != "account_gone" {
				t.Errorf("the fact %+v has an actor or no reason", f)
			}
		}

		// A young mark is looked at again, an old one is left behind.
		if report, err := h.Reconcile(t.Context()); err != nil || report["deletions"] != 1 || report["users"] != 0 {
			t.Errorf("again: %v, %v", report, err)
		}
		h.Clock.Advance(2 * time.Minute)
		if report, err := h.Reconcile(t.Context()); err != nil || report["deletions"] != 1 {
			t.Errorf("later: %v, %v", report, err)
		}
		before := b.Statements()
		if report, err := h.Reconcile(t.Context()); err != nil || report["deletions"] != 0 || b.Statements()-before != 2 {
			t.Errorf("with nothing to do: %v, %v, %d statements", report, err, b.Statements()-before)
		}
	})
}

func TestSeed(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.change(t, func(ctx context.Context, tx bun.Tx) error {
			for _, email := range []string{
				"admin@acme-corp.com", "carol@acme-corp.com", "bob@acme-corp.com", "charlie@cross-org.com", "superadmin@acme-corp.com",
				"frank@tech-startup.com", "grace@tech-startup.com", "iris@data-systems.com", "jack@data-systems.com",
			} {
				if _, err := tx.NewRaw("INSERT INTO crowd_users (id, email) VALUES (?, ?)", h.fresh(), email).Exec(ctx); err != nil {
					return err
				}
			}
			return nil
		})
		for range 2 {
			var told []string
			if err := h.Seed(t.Context(), func(s string) { told = append(told, s) }); err != nil || len(told) != 3 {
				t.Fatalf("seed: %v, told %v", err, told)
			}
			if o, m := h.count(t, "tenancy_organizations"), h.count(t, "tenancy_members"); o != 3 || m != 11 {
				t.Errorf("%d organizations and %d members, want 3 and 11", o, m)
			}
		}
		if n := len(h.facts.take(t)); n != 11 {
			t.Errorf("%d facts, want one for each organization and each further member", n)
		}
	})
}

func TestSeedWithoutUsers(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	h := newHouse(t, b)
	if err := h.Seed(t.Context(), func(string) {}); err != nil || h.count(t, "tenancy_organizations") != 0 {
		t.Errorf("seed without users: %v", err)
	}
}
