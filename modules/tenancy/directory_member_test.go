package tenancy_test

import (
	"slices"
	"testing"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/platformtest"
)

func TestDirectoryOfMembers(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ctx, db := t.Context(), b.DB.Read()
		ann := h.user(t, "ann")
		o := h.found(t, ann, "First")
		want := []string{ann, h.join(t, ann, o.ID, "bob", tenancy.RoleAdmin), h.join(t, ann, o.ID, "carol", tenancy.RoleGuest)}
		slices.Sort(want)

		var walked []string
		for after := ""; ; after = walked[len(walked)-1] {
			page, err := h.directory.MembersAfter(ctx, db, o.ID, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if walked = append(walked, page...); len(page) < 2 {
				break
			}
		}
		if !slices.Equal(walked, want) {
			t.Errorf("walked over %v, want %v", walked, want)
		}

		among := func(organizationID string, of ...string) []string {
			t.Helper()
			before := b.Statements()
			found, err := h.directory.MembersAmong(ctx, db, organizationID, of)
			if err != nil || b.Statements()-before > 1 {
				t.Errorf("members among users: %v, %d statements", err, b.Statements()-before)
			}
			slices.Sort(found)
			return found
		}
		some := []string{want[0], want[2]}
		if got := among(o.ID, want[2], h.fresh(), want[0]); !slices.Equal(got, some) || len(among(o.ID)) != 0 || len(among(h.fresh(), ann)) != 0 {
			t.Errorf("the members among some users are %v, want %v", got, some)
		}

		m, err := h.directory.MembershipOf(ctx, db, o.ID, ann)
		if err != nil || m.Role != "owner" || m.UserID != ann || m.OrganizationID != o.ID {
			t.Errorf("the membership is %+v, %v", m, err)
		}
		for what, pair := range map[string][2]string{
			"of nobody": {o.ID, h.fresh()}, "of no id": {o.ID, "x"}, "in no organization": {"x", ann}, "in another": {h.fresh(), ann},
		} {
			if _, err := h.directory.MembershipOf(ctx, db, pair[0], pair[1]); code(err) != "NOT_FOUND" {
				t.Errorf("a membership %s: %v", what, err)
			}
		}
		if name, err := h.directory.NameOf(ctx, db, o.ID); err != nil || name != "First" {
			t.Errorf("the name is %q, %v", name, err)
		}

		if err := h.Delete(ctx, ann, o.ID, anyTag); err != nil {
			t.Fatal(err)
		}
		if _, err := h.directory.NameOf(ctx, db, o.ID); code(err) != "NOT_FOUND" {
			t.Errorf("the name of what is gone is %v", err)
		}
		if left, err := h.directory.MembersAfter(ctx, db, o.ID, "", 10); err != nil || len(left) != 0 {
			t.Errorf("members of what is gone: %v, %v", left, err)
		}
		if left := among(o.ID, want...); len(left) != 0 {
			t.Errorf("members among users of what is gone: %v", left)
		}
		if _, err := h.directory.MembershipOf(ctx, db, o.ID, ann); code(err) != "NOT_FOUND" {
			t.Errorf("a membership of what is gone: %v", err)
		}
	})
}
