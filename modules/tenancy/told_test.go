package tenancy_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

// listener hears of memberships as others do, and looks at the members at that moment.
type listener struct {
	mu    sync.Mutex
	heard []string
}

func (l *listener) note(ctx context.Context, text string) {
	database.AfterCommit(ctx, func(context.Context) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.heard = append(l.heard, text)
	})
}

// take returns what was heard since it was last called.
func (l *listener) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := strings.Join(l.heard, " ")
	l.heard = nil
	return heard
}

// listen has the house tell of memberships, with the names of users and organizations.
func (h *house) listen(t testing.TB, names map[string]string) *listener {
	t.Helper()
	l := &listener{}
	h.Bus.Subscribe(h.Jobs,
		events.On("test.hear_memberships", func(ctx context.Context, tx bun.Tx, e events.MembershipChanged) error {
			members, err := h.directory.MembersAfter(ctx, tx, e.OrganizationID, "", 100)
			if err == nil && slices.Contains(members, e.UserID) != e.Member {
				err = fmt.Errorf("%s is told to be a member: %v, the members are %v", e.UserID, e.Member, members)
			}
			verb := "left"
			if e.Member {
				verb = "joined"
			}
			l.note(ctx, names[e.UserID]+" "+verb)
			return err
		}),
		events.On("test.hear_ends", func(ctx context.Context, tx bun.Tx, e events.OrganizationDeleted) error {
			members, err := h.directory.MembersAfter(ctx, tx, e.OrganizationID, "", 100)
			if err == nil && len(members) > 0 {
				err = fmt.Errorf("an organization that is gone has the members %v", members)
			}
			l.note(ctx, "end")
			return err
		}),
	)
	return l
}

// Who judges members hears of every one who comes or goes, in that transaction, and of the
// end of an organization once.
func TestMembershipsAreTold(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann, bob, carol := h.user(t, "ann"), h.user(t, "bob"), h.user(t, "carol")
		l := h.listen(t, map[string]string{ann: "ann", bob: "bob", carol: "carol"})
		expect := func(what, want string) {
			t.Helper()
			if got := l.take(); got != want {
				t.Errorf("%s: heard %q, want %q", what, got, want)
			}
		}
		o := h.found(t, ann, "Told")
		expect("founded", "ann joined")
		h.add(t, ann, o.ID, "bob", tenancy.RoleAdmin)
		expect("added", "bob joined")
		if _, err := h.AddMember(t.Context(), ann, o.ID, tenancy.NewMember{Email: "bob@example.com", Role: tenancy.RoleMember}); code(err) != "CONFLICT" {
			t.Errorf("added twice: %v", err)
		}
		if _, err := h.ChangeRole(t.Context(), ann, o.ID, bob, tenancy.RoleMember); err != nil {
			t.Fatal(err)
		}
		expect("another role", "")
		_, token := h.invite(t, as(ann, "ann"), o.ID, "carol", tenancy.RoleMember)
		expect("invited", "")
		if _, err := h.accept(t, as(carol, "carol"), token); err != nil {
			t.Fatal(err)
		}
		expect("accepted", "carol joined")
		if err := h.RemoveMember(t.Context(), ann, o.ID, bob); err != nil {
			t.Fatal(err)
		}
		expect("removed", "bob left")
		if err := h.RemoveMember(t.Context(), carol, o.ID, carol); err != nil {
			t.Fatal(err)
		}
		expect("left", "carol left")
		if err := h.RemoveMember(t.Context(), ann, o.ID, ann); code(err) != "CONFLICT" {
			t.Errorf("the last owner leaves: %v", err)
		}
		h.add(t, ann, o.ID, "bob", tenancy.RoleMember)
		expect("added again", "bob joined")
		if err := h.deleteUser(t, bob); err != nil {
			t.Fatal(err)
		}
		expect("an account deleted", "")
		if err := h.Delete(t.Context(), ann, o.ID, anyTag); err != nil {
			t.Fatal(err)
		}
		expect("deleted", "end")
		h.found(t, carol, "Alone")
		expect("founded", "carol joined")
		if err := h.deleteUser(t, carol); err != nil {
			t.Fatal(err)
		}
		expect("the last member's account deleted", "end")
	})
}

// A listener's refusal undoes the membership.
func TestMembershipsAreToldInTheirTransaction(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		o := h.found(t, ann, "Told")
		h.user(t, "bob")
		h.Bus.Subscribe(h.Jobs, events.On("test.refuse", func(context.Context, bun.Tx, events.MembershipChanged) error {
			return fmt.Errorf("no")
		}))
		if _, err := h.AddMember(t.Context(), ann, o.ID, tenancy.NewMember{Email: "bob@example.com", Role: tenancy.RoleMember}); err == nil {
			t.Error("the member was added")
		}
		if n := len(h.roles(t, o.ID)); n != 1 {
			t.Errorf("%d members, want the founder alone", n)
		}
	})
}
