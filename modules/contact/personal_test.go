package contact_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/contact"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/platformtest"
)

func TestExport(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.people["carol"] = authn.Person{ID: "carol", Email: "carol@example.com", EmailVerified: true}
		h.people["squatter"] = authn.Person{ID: "squatter", Email: "carol@example.com"}
		h.people["dave"] = authn.Person{ID: "dave", Email: "dave@example.com", EmailVerified: true}
		h.submit(t, func(*contact.NewEnquiry) {})
		h.submit(t, func(n *contact.NewEnquiry) { n.Email, n.Message = "eve@example.com", "Something of another" })
		for user, want := range map[string]string{"carol": "Could you show us", "squatter": "", "dave": "", "nobody": ""} {
			section, err := h.Export(t.Context(), user)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(section)
			if err != nil {
				t.Fatal(err)
			}
			if want == "" && string(got) != `{"enquiries":[],"cut":false}` {
				t.Errorf("%s is given %s", user, got)
			}
			if want != "" && (strings.Count(string(got), `"id"`) != 1 || !strings.Contains(string(got), `"email":"carol@example.com"`) || strings.Contains(string(got), "another")) {
				t.Errorf("%s is given %s", user, got)
			}
		}
	})
}

// Anybody can write in anybody's name, so an export has an end.
func TestExportIsBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	h.people["carol"] = authn.Person{ID: "carol", Email: "carol@example.com", EmailVerified: true}
	h.fill(t, contact.ExportLimit)
	for _, cut := range []bool{false, true} {
		section, err := h.Export(t.Context(), "carol")
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := section.(contact.Exported); !ok || len(got.Enquiries) != contact.ExportLimit || got.Cut != cut {
			t.Errorf("%d enquiries, cut %v, want %v", len(got.Enquiries), got.Cut, cut)
		}
		h.submit(t, func(*contact.NewEnquiry) {})
	}
}

func TestExportWithoutUsers(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.parts.People = contact.NoPeople{} })
	h.submit(t, func(*contact.NewEnquiry) {})
	if section, err := h.Export(t.Context(), "carol"); err != nil || len(section.(contact.Exported).Enquiries) != 0 {
		t.Errorf("%+v, %v", section, err)
	}
}

// Whoever deletes their account takes along what they wrote, and nothing of others; a
// deletion that fails leaves it.
func TestForgetting(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.submit(t, func(n *contact.NewEnquiry) { n.Email = "CAROL@example.com" })
		h.submit(t, func(n *contact.NewEnquiry) { n.Email = "carol@EXAMPLE.com" })
		other := h.submit(t, func(n *contact.NewEnquiry) { n.Email = "eve@example.com" })
		publish := func(end error) error {
			return b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
				if err := b.Bus.Publish(ctx, tx, events.UserDeleted{UserID: "carol", Email: "carol@example.com"}); err != nil {
					return err
				}
				return end
			})
		}
		if err := publish(errBroken); err == nil || h.rows(t, "contact_enquiries") != 3 {
			t.Errorf("a deletion that failed: %v, %d are left", err, h.rows(t, "contact_enquiries"))
		}
		if err := publish(nil); err != nil {
			t.Fatal(err)
		}
		if all := h.all(t, contact.Filter{}); len(all) != 1 || all[0].ID != other.ID {
			t.Errorf("left are %+v", all)
		}
	})
}
