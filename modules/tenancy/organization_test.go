package tenancy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
)

func TestSlugOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Acme Corporation":            "acme-corporation",
		"  Müller & Söhne, GmbH. ":    "muller-sohne-gmbh",
		"Straße Łódź Ærø Þór":         "strasse-lodz-aero-thor",
		"O'Neill’s":                   "oneills",
		"日本":                          "org",
		"日本 24":                       "24",
		"ﬁne Ⅳ":                       "fine-iv",
		"---":                         "org",
		strings.Repeat("a", 80):       strings.Repeat("a", 63),
		strings.Repeat("a ", 40):      strings.TrimSuffix(strings.Repeat("a-", 32), "-"),
		"x" + strings.Repeat("ß", 40): "x" + strings.Repeat("ss", 31),
	} {
		if got := tenancy.SlugOf(name); got != want {
			t.Errorf("the slug of %q is %q, want %q", name, got, want)
		}
	}
}

func TestLifeOfAnOrganization(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ctx, ann := t.Context(), h.user(t, "ann")
		text := "Two\nlines"
		o, tag, err := h.Create(ctx, ann, tenancy.NewOrganization{Name: "  Acme  ", Slug: "acme", Description: &text})
		if err != nil {
			t.Fatal(err)
		}
		if o.Name != "Acme" || o.Slug != "acme" || o.Role != tenancy.RoleOwner || *o.Description != text || !o.IsActive {
			t.Errorf("created %+v", o)
		}
		read, readTag, members, err := h.Read(ctx, ann, o.ID)
		if err != nil || members != 1 || readTag != tag || fmt.Sprint(read.Description != nil, read.Name, read.CreatedAt) != fmt.Sprint(true, o.Name, o.CreatedAt) {
			t.Errorf("read %+v, tag %s, want %s; %d members, %v", read, readTag, tag, members, err)
		}

		name := "Acme Two"
		stale := httpx.IfMatch{Match: `"other"`}
		if _, _, err := h.Update(ctx, ann, o.ID, tenancy.Profile{Name: &name, Precondition: stale.Check}); !errors.Is(err, apperr.ErrPreconditionFailed) {
			t.Errorf("a stale change: %v", err)
		}
		changed, newTag, err := h.Update(ctx, ann, o.ID, tenancy.Profile{
			Name: &name, Description: tenancy.Change{Set: true}, Precondition: httpx.IfMatch{Match: tag}.Check,
		})
		if err != nil || changed.Name != name || changed.Description != nil || newTag == tag {
			t.Errorf("changed %+v, tag %s, %v", changed, newTag, err)
		}
		if _, again, err := h.Update(ctx, ann, o.ID, tenancy.Profile{Name: &name, Precondition: anyTag}); err != nil || again != newTag {
			t.Errorf("a change to the same: tag %s, want %s; %v", again, newTag, err)
		}
		blank := " "
		if _, _, err := h.Update(ctx, ann, o.ID, tenancy.Profile{Name: &blank, Precondition: anyTag}); code(err) != "VALIDATION_ERROR" {
			t.Errorf("a blank name: %v", err)
		}
		if got := actionsOf(h.facts.take(t)); got != "org.create org.update" {
			t.Errorf("the facts are %s", got)
		}

		if err := h.Delete(ctx, ann, o.ID, stale.Check); !errors.Is(err, apperr.ErrPreconditionFailed) {
			t.Errorf("a stale deletion: %v", err)
		}
		if err := h.Delete(ctx, ann, o.ID, anyTag); err != nil {
			t.Fatal(err)
		}
		_, _, _, err = h.Read(ctx, ann, o.ID)
		_, _, _, unknown := h.Read(ctx, ann, id.Generator{}.New())
		if !errors.Is(err, apperr.ErrNotFound) || err.Error() != unknown.Error() {
			t.Errorf("a deleted organization answers %v, an unknown one %v", err, unknown)
		}
		if list, _, err := h.List(ctx, ann, "", 10); err != nil || len(list) != 0 {
			t.Errorf("a deleted organization is listed: %v, %v", list, err)
		}
		if again, _, err := h.Create(ctx, ann, tenancy.NewOrganization{Name: "Acme", Slug: "acme"}); err != nil || again.Slug != "acme" {
			t.Errorf("the slug of a deleted organization: %v, %v", again.Slug, err)
		}
		if n := h.count(t, "tenancy_deletions"); n != 1 {
			t.Errorf("%d marks of deletions, want 1", n)
		}
	})
}

func TestSlugsAreUnique(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		_, _, err := h.Create(t.Context(), ann, tenancy.NewOrganization{Name: "Acme", Slug: "acme"})
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = h.Create(t.Context(), ann, tenancy.NewOrganization{Name: "Other", Slug: "acme"})
		if code(err) != "CONFLICT" || apperr.From(err).Details()["slug"] == nil {
			t.Errorf("a taken slug: %v with %v", err, apperr.From(err).Details())
		}
		seen := map[string]bool{"acme": true}
		for range 5 {
			o := h.found(t, ann, "Acme")
			if seen[o.Slug] || !strings.HasPrefix(o.Slug, "acme-") {
				t.Errorf("the slug %q is taken or not made from the name", o.Slug)
			}
			seen[o.Slug] = true
		}
	})
}

func TestOrganizationsOfAUser(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann, bob := h.user(t, "ann"), h.user(t, "bob")
		var want []string
		for i := range 7 {
			o := h.found(t, ann, fmt.Sprintf("Org %d", i))
			if i%2 == 0 {
				h.add(t, ann, o.ID, "bob", tenancy.RoleGuest)
				want = append(want, o.Name+" guest")
			}
		}
		var got []string
		after, pages := "", 0
		for {
			before := b.Statements()
			list, more, err := h.List(t.Context(), bob, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			if n := b.Statements() - before; n != 1 {
				t.Errorf("a page took %d statements", n)
			}
			for _, o := range list {
				got = append(got, o.Name+" "+string(o.Role))
			}
			if pages++; !more {
				break
			}
			after = list[len(list)-1].ID
		}
		if pages != 2 || strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("%d pages: %v, want %v", pages, got, want)
		}
		standing, err := h.directory.StandingOf(t.Context(), b.DB.Read(), bob)
		list := standing.Belongings
		if err != nil || len(list) != 4 || list[0].Name != "Org 0" || list[0].Role != tenancy.RoleGuest {
			t.Errorf("the directory tells %v, %v", list, err)
		}
		exported, err := h.directory.Export(t.Context(), bob)
		if all, ok := exported.([]tenancy.Exported); err != nil || !ok || len(all) != 4 || all[0].Slug != "org-0" || all[0].InvitedAt == nil {
			t.Errorf("the export holds %+v, %v", exported, err)
		}
	})
}
