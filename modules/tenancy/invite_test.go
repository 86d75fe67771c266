package tenancy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
)

func TestInviteLife(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann, bob, eve := h.enter(t, "ann"), h.enter(t, "bob"), h.enter(t, "eve")
		o := h.found(t, ann.UserID, "Acme")
		h.facts.take(t)
		i, token := h.invite(t, ann, o.ID, "bob", tenancy.RoleMember)
		if i.Email != "bob@example.com" || i.Role != tenancy.RoleMember || i.InvitedByID != ann.UserID || i.OrganizationID != o.ID ||
			i.ExpiresAt.Sub(b.Clock.Now().Truncate(time.Microsecond)) != 7*24*time.Hour {
			t.Errorf("the invitation is %+v", i)
		}
		all := h.facts.take(t)
		if actionsOf(all) != tenancy.ActionInvite || all[0].Personal["email"] != i.Email || all[0].PersonalOf != bob.UserID ||
			all[0].ResourceType != "invite" || all[0].ResourceID != i.ID || len(all[0].Metadata) != 1 || all[0].Metadata["role"] != "member" {
			t.Errorf("facts %+v", all)
		}
		seen, err := h.PreviewInvite(t.Context(), token)
		want := tenancy.InvitePreview{
			Email: i.Email, Organization: tenancy.InvitingOrganization{ID: o.ID, Name: "Acme"}, Role: tenancy.RoleMember, UserExists: true,
		}
		if err != nil || seen != want {
			t.Errorf("the token shows %+v, %v", seen, err)
		}
		for who, tc := range map[string]struct {
			p    *authn.Principal
			want string
		}{"nobody": {nil, "AUTH_REQUIRED"}, "somebody else": {eve, "AUTHORIZATION_ERROR"}, "the inviter": {ann, "AUTHORIZATION_ERROR"}} {
			if _, err := h.accept(t, tc.p, token); code(err) != tc.want {
				t.Errorf("accepted as %s: %v", who, err)
			}
		}
		if n := len(h.roles(t, o.ID)); n != 1 {
			t.Fatalf("%d members after refusals", n)
		}
		done, err := h.accept(t, bob, token)
		if err != nil || done.Session != nil || done.Organization.ID != o.ID || done.Organization.Role != tenancy.RoleMember || done.Account.UserID != bob.UserID {
			t.Fatalf("accepted: %+v, %v", done, err)
		}
		all = h.facts.take(t)
		if actionsOf(all) != tenancy.ActionInviteAccept || all[0].ActorID != bob.UserID || all[0].ResourceID != i.ID || all[0].Personal != nil {
			t.Errorf("facts %+v", all)
		}
		if h.roles(t, o.ID)[bob.UserID] != tenancy.RoleMember {
			t.Errorf("the roles are %v", h.roles(t, o.ID))
		}
		if list, _, err := h.Members(t.Context(), bob.UserID, o.ID, tenancy.MemberQuery{Limit: 9}); err != nil || *list[1].InvitedByID != ann.UserID || list[1].InvitedAt == nil {
			t.Errorf("the members are %+v, %v", list, err)
		}
		h.refused(t, "a used token", bob, token, "NOT_FOUND")
		h.refused(t, "no token", bob, "", "NOT_FOUND")
		if _, err := h.Invite(t.Context(), ann, o.ID, tenancy.NewInvite{Email: "bob@example.com", Role: tenancy.RoleGuest}); code(err) != "CONFLICT" {
			t.Errorf("a member was invited: %v", err)
		}
		if n := len(h.trap.Deliver(t.Context())); n != 0 {
			t.Errorf("%d mails of refusals", n)
		}
	})
}

// Whatever happens to an invitation, of the tokens that were mailed the last one counts,
// and of those that do not count nobody learns why, unless it is age.
func TestInviteEnds(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann, bob := h.enter(t, "ann"), h.enter(t, "bob")
		o := h.found(t, ann.UserID, "Acme")
		resend := func(i tenancy.Invite) string {
			t.Helper()
			if err := h.ResendInvite(t.Context(), ann, o.ID, i.ID); err != nil {
				t.Fatal(err)
			}
			return h.mailed(t, "bob")
		}
		i, first := h.invite(t, ann, o.ID, "bob", tenancy.RoleAdmin)
		h.facts.take(t)
		b.Clock.Advance(time.Hour)
		second := resend(i)
		if all := h.facts.take(t); actionsOf(all) != tenancy.ActionInviteResend || all[0].ResourceID != i.ID || all[0].Personal["email"] != i.Email {
			t.Errorf("facts %+v", all)
		}
		h.refused(t, "before a resend", bob, first, "NOT_FOUND")
		again, third := h.invite(t, ann, o.ID, "bob", tenancy.RoleGuest)
		if again.ID != i.ID || again.Role != tenancy.RoleGuest || !again.CreatedAt.Equal(i.CreatedAt) || !again.ExpiresAt.After(i.ExpiresAt) {
			t.Errorf("a second invitation is %+v, the first was %+v", again, i)
		}
		h.refused(t, "replaced", bob, second, "NOT_FOUND")
		b.Clock.Advance(7 * 24 * time.Hour)
		h.refused(t, "expired", bob, third, "GONE")
		h.refused(t, "expired, to nobody", nil, third, "GONE")
		if list, _, err := h.Invites(t.Context(), ann.UserID, o.ID, "", 10); err != nil || len(list) != 1 || list[0] != again {
			t.Errorf("the list is %+v, %v", list, err)
		}
		fourth := resend(again)
		h.refused(t, "expired and resent", bob, third, "NOT_FOUND")
		h.facts.take(t)
		if err := h.CancelInvite(t.Context(), ann.UserID, o.ID, i.ID); err != nil {
			t.Fatal(err)
		}
		if all := h.facts.take(t); actionsOf(all) != tenancy.ActionInviteCancel || all[0].ResourceID != i.ID || all[0].Personal["email"] != i.Email {
			t.Errorf("facts %+v", all)
		}
		h.refused(t, "cancelled", bob, fourth, "NOT_FOUND")
		if err := h.CancelInvite(t.Context(), ann.UserID, o.ID, i.ID); code(err) != "NOT_FOUND" {
			t.Errorf("cancelled twice: %v", err)
		}
		if err := h.ResendInvite(t.Context(), ann, o.ID, i.ID); code(err) != "NOT_FOUND" {
			t.Errorf("resent after it was cancelled: %v", err)
		}
		// Somebody who was added meanwhile is told so; when they are removed, the mail does
		// not let them in again.
		_, fifth := h.invite(t, ann, o.ID, "bob", tenancy.RoleAdmin)
		h.add(t, ann.UserID, o.ID, "bob", tenancy.RoleGuest)
		if _, err := h.accept(t, bob, fifth); code(err) != "CONFLICT" || h.roles(t, o.ID)[bob.UserID] != tenancy.RoleGuest {
			t.Errorf("accepted by a member: %v, they are %s", err, h.roles(t, o.ID)[bob.UserID])
		}
		if err := h.RemoveMember(t.Context(), ann.UserID, o.ID, bob.UserID); err != nil {
			t.Fatal(err)
		}
		h.refused(t, "removed", bob, fifth, "NOT_FOUND")
		_, sixth := h.invite(t, ann, o.ID, "bob", tenancy.RoleMember)
		if err := h.Delete(t.Context(), ann.UserID, o.ID, anyTag); err != nil {
			t.Fatal(err)
		}
		h.refused(t, "of an organization that is gone", bob, sixth, "NOT_FOUND")
		if n := h.count(t, "tenancy_invites"); n != 0 {
			t.Errorf("%d invitations are left", n)
		}
	})
}

// Nobody leaves a door open behind themselves: an invitation stands as long as the one who
// made it may still give that role.
func TestInviterMayNotGiveItAnyMore(t *testing.T) {
	t.Parallel()
	type step func(t *testing.T, h *host, ann *authn.Principal, o tenancy.Organization, zoe *authn.Principal)
	demote := func(role tenancy.Role) step {
		return func(t *testing.T, h *host, ann *authn.Principal, o tenancy.Organization, zoe *authn.Principal) {
			t.Helper()
			if _, err := h.ChangeRole(t.Context(), ann.UserID, o.ID, zoe.UserID, role); err != nil {
				t.Fatal(err)
			}
		}
	}
	cases := map[string]struct {
		do           step
		admin, owner string // what the invitations to these roles come to
	}{
		"nothing happened": {func(*testing.T, *host, *authn.Principal, tenancy.Organization, *authn.Principal) {}, "", ""},
		"still an admin":   {demote(tenancy.RoleAdmin), "", "NOT_FOUND"},
		"a member now":     {demote(tenancy.RoleMember), "NOT_FOUND", "NOT_FOUND"},
		"removed": {func(t *testing.T, h *host, ann *authn.Principal, o tenancy.Organization, zoe *authn.Principal) {
			t.Helper()
			if err := h.RemoveMember(t.Context(), ann.UserID, o.ID, zoe.UserID); err != nil {
				t.Fatal(err)
			}
		}, "NOT_FOUND", "NOT_FOUND"},
		"account deleted": {func(t *testing.T, h *host, _ *authn.Principal, _ tenancy.Organization, zoe *authn.Principal) {
			t.Helper()
			if err := h.deleteUser(t, zoe.UserID); err != nil {
				t.Fatal(err)
			}
		}, "NOT_FOUND", "NOT_FOUND"},
	}
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		for name, tc := range cases {
			t.Run(name, func(t *testing.T) {
				word := strings.ReplaceAll(name, " ", "-")
				ann := h.enter(t, "ann-"+word)
				o := h.found(t, ann.UserID, "Acme "+name)
				zoe := as(h.join(t, ann.UserID, o.ID, "zoe-"+word, tenancy.RoleOwner), "zoe-"+word)
				pat, sue, kim := h.enter(t, "pat-"+word), h.enter(t, "sue-"+word), h.enter(t, "kim-"+word)
				_, toAdmin := h.invite(t, zoe, o.ID, "pat-"+word, tenancy.RoleAdmin)
				_, toOwner := h.invite(t, zoe, o.ID, "sue-"+word, tenancy.RoleOwner)
				_, ofAnn := h.invite(t, ann, o.ID, "kim-"+word, tenancy.RoleOwner)
				tc.do(t, h, ann, o, zoe)
				if _, err := h.accept(t, pat, toAdmin); code(err) != tc.admin {
					t.Errorf("an invitation to become an admin: %v", err)
				}
				if _, err := h.accept(t, sue, toOwner); code(err) != tc.owner {
					t.Errorf("an invitation to become an owner: %v", err)
				}
				if _, err := h.accept(t, kim, ofAnn); err != nil {
					t.Errorf("an invitation of somebody else: %v", err)
				}
			})
		}
	})
}

func TestWhoMayInvite(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann := h.enter(t, "ann")
		o := h.found(t, ann.UserID, "Acme")
		ofAnn, token := h.invite(t, ann, o.ID, "pat", tenancy.RoleOwner)
		callers := map[string]*authn.Principal{"stranger": h.enter(t, "stranger")}
		for _, role := range []tenancy.Role{tenancy.RoleAdmin, tenancy.RoleMember, tenancy.RoleGuest} {
			callers[string(role)] = as(h.join(t, ann.UserID, o.ID, string(role), role), string(role))
		}
		const forbidden, unknown = "AUTHORIZATION_ERROR", "NOT_FOUND"
		for who, want := range map[string]struct{ list, admin, owner string }{
			"admin": {"", "", forbidden}, "member": {forbidden, forbidden, forbidden}, "guest": {forbidden, forbidden, forbidden},
			"stranger": {unknown, unknown, unknown},
		} {
			p := callers[who]
			if _, _, err := h.Invites(t.Context(), p.UserID, o.ID, "", 10); code(err) != want.list {
				t.Errorf("%s lists: %v", who, err)
			}
			ask := func(role tenancy.Role, email string) string {
				_, err := h.Invite(t.Context(), p, o.ID, tenancy.NewInvite{Email: email, Role: role})
				return code(err)
			}
			if got := ask(tenancy.RoleAdmin, "new@example.com"); got != want.admin {
				t.Errorf("%s invites an admin: %s", who, got)
			}
			// Nobody offers, sends again, takes back or replaces what is above themselves.
			if got := ask(tenancy.RoleOwner, "other@example.com"); got != want.owner {
				t.Errorf("%s invites an owner: %s", who, got)
			}
			if got := ask(tenancy.RoleGuest, "pat@example.com"); got != want.owner {
				t.Errorf("%s replaces the invitation of an owner: %s", who, got)
			}
			if err := h.ResendInvite(t.Context(), p, o.ID, ofAnn.ID); code(err) != want.owner {
				t.Errorf("%s resends the invitation of an owner: %v", who, err)
			}
			if err := h.CancelInvite(t.Context(), p.UserID, o.ID, ofAnn.ID); code(err) != want.owner {
				t.Errorf("%s cancels the invitation of an owner: %v", who, err)
			}
		}
		if n := len(h.trap.Deliver(t.Context())); n != 1 { // the admin's to an admin
			t.Errorf("%d mails", n)
		}
		// Through another organization of one's own nothing is reached.
		mine := h.found(t, callers["stranger"].UserID, "Mine")
		if err := h.CancelInvite(t.Context(), callers["stranger"].UserID, mine.ID, ofAnn.ID); code(err) != unknown {
			t.Errorf("an invitation of another organization was cancelled: %v", err)
		}
		if err := h.ResendInvite(t.Context(), callers["stranger"], mine.ID, ofAnn.ID); code(err) != unknown {
			t.Errorf("an invitation of another organization was sent again: %v", err)
		}
		if done, err := h.accept(t, nil, token); err != nil || done.Organization.Role != tenancy.RoleOwner {
			t.Errorf("the owner's invitation was touched: %+v, %v", done, err)
		}
		for _, email := range []string{"", "x", " a@example.com", "a@example.com\x00", "a b@example.com"} {
			_, err := h.Invite(t.Context(), ann, o.ID, tenancy.NewInvite{Email: email, Role: tenancy.RoleGuest})
			if apperr.From(err).Details()["email"] == nil {
				t.Errorf("%q was invited: %v", email, err)
			}
		}
	})
}

func TestListsOfInvites(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann, bob := h.enter(t, "ann"), h.enter(t, "bob")
		var all []tenancy.Organization
		for _, name := range []string{"One", "Two", "Three"} {
			o := h.found(t, ann.UserID, name)
			h.invite(t, ann, o.ID, "bob", tenancy.RoleGuest)
			all = append(all, o)
		}
		for _, name := range []string{"x", "y"} {
			h.invite(t, ann, all[0].ID, name, tenancy.RoleMember)
		}
		before := b.Statements()
		list, next, err := h.Invites(t.Context(), ann.UserID, all[0].ID, "", 2)
		if err != nil || len(list) != 2 || next != list[1].ID || list[0].Email != "bob@example.com" || b.Statements()-before != 1 {
			t.Fatalf("the first page is %+v, next %s, %v, %d statements", list, next, err, b.Statements()-before)
		}
		if list, next, err = h.Invites(t.Context(), ann.UserID, all[0].ID, next, 2); err != nil || len(list) != 1 || next != "" || list[0].Email != "y@example.com" {
			t.Errorf("the second page is %+v, next %s, %v", list, next, err)
		}
		if list, next, err = h.Invites(t.Context(), ann.UserID, all[0].ID, list[0].ID, 2); err != nil || list == nil || len(list) != 0 || next != "" {
			t.Errorf("the end is %+v, next %s, %v", list, next, err)
		}
		received := func(after string, limit int) (names []string, next string) {
			t.Helper()
			list, next, err := h.ReceivedInvites(t.Context(), bob, after, limit)
			if err != nil || list == nil {
				t.Fatalf("received: %v, %v", list, err)
			}
			for _, i := range list {
				names = append(names, i.Organization.Name)
			}
			return names, next
		}
		if names, next := received("", 10); len(names) != 0 || next != "" {
			t.Errorf("an address that was not verified shows %v", names)
		}
		bob.Account.EmailVerified = true
		names, next := received("", 2)
		if strings.Join(names, " ") != "One Two" {
			t.Errorf("received %v", names)
		}
		if names, _ = received(next, 2); strings.Join(names, " ") != "Three" {
			t.Errorf("received then %v", names)
		}
		h.add(t, ann.UserID, all[0].ID, "bob", tenancy.RoleGuest)
		if err := h.Delete(t.Context(), ann.UserID, all[1].ID, anyTag); err != nil {
			t.Fatal(err)
		}
		if names, _ = received("", 10); strings.Join(names, " ") != "Three" {
			t.Errorf("with one joined and one gone: %v", names)
		}
		b.Clock.Advance(7 * 24 * time.Hour)
		if names, _ = received("", 10); len(names) != 0 {
			t.Errorf("expired: %v", names)
		}
		stranger := as(id.Generator{}.New(), "stranger")
		stranger.Account.EmailVerified = true
		if list, _, err := h.ReceivedInvites(t.Context(), stranger, "", 10); err != nil || len(list) != 0 {
			t.Errorf("a stranger received %v, %v", list, err)
		}
	})
}

// What was used or cancelled after a backup is there again when it is restored. Its token must
// not work again; whoever is still wanted is sent a new one.
func TestInvitesEndWithARestoredBackup(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann, bob := h.enter(t, "ann"), h.enter(t, "bob")
		o := h.found(t, ann.UserID, "Acme")
		i, token := h.invite(t, ann, o.ID, "bob", tenancy.RoleAdmin)
		h.change(t, func(ctx context.Context, tx bun.Tx) error { return h.Bus.Publish(ctx, tx, events.DataRestored{}) })
		h.refused(t, "restored", bob, token, "GONE")
		h.refused(t, "restored, to nobody", nil, token, "GONE")
		if list, _, err := h.ReceivedInvites(t.Context(), bob, "", 9); err != nil || len(list) != 0 {
			t.Errorf("the invited sees %+v, %v", list, err)
		}
		if err := h.ResendInvite(t.Context(), ann, o.ID, i.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := h.accept(t, bob, h.mailed(t, "bob")); err != nil {
			t.Errorf("sent again: %v", err)
		}
	})
}

// Whoever is invited anew while the clean-up is about to remove the old invitation keeps the
// new one, which stands in its row.
func TestCleanupMeetsARenewal(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann := h.enter(t, "ann")
		o := h.found(t, ann.UserID, "Acme")
		h.invite(t, ann, o.ID, "bob", tenancy.RoleGuest)
		b.Clock.Advance(50 * 24 * time.Hour)
		cleaned := make(chan error, 1)
		h.change(t, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("UPDATE tenancy_invites SET expires_at = ?", b.Clock.Now().Add(time.Hour)).Exec(ctx)
			go func() {
				_, err := h.CleanupInvites(t.Context())
				cleaned <- err
			}()
			if err == nil && b.Name == "postgres" {
				platformtest.Eventually(t, 10*time.Second, "the clean-up to wait for the row", func() bool {
					var waiting int
					err := tx.NewRaw("SELECT count(*) FROM pg_locks WHERE NOT granted").Scan(ctx, &waiting)
					return err == nil && waiting > 0
				})
			}
			return err
		})
		if err := <-cleaned; err != nil {
			t.Fatal(err)
		}
		if n := h.count(t, "tenancy_invites"); n != 1 {
			t.Errorf("%d invitations are left, want the new one", n)
		}
	})
}

func TestCleanupInvites(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann := h.enter(t, "ann")
		o := h.found(t, ann.UserID, "Acme")
		_, token := h.invite(t, ann, o.ID, "bob", tenancy.RoleGuest)
		b.Clock.Advance(36 * 24 * time.Hour)
		h.invite(t, ann, o.ID, "carol", tenancy.RoleGuest)
		if n, err := h.CleanupInvites(t.Context()); err != nil || n != 0 {
			t.Errorf("removed %d, %v", n, err)
		}
		h.refused(t, "a month old", nil, token, "GONE")
		b.Clock.Advance(25 * time.Hour)
		if n, err := h.CleanupInvites(t.Context()); err != nil || n != 1 {
			t.Errorf("removed %d, %v", n, err)
		}
		h.refused(t, "removed", nil, token, "NOT_FOUND")
	})
}
