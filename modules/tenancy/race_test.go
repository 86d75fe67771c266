package tenancy_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/platformtest"
)

const (
	// callers is how many act at one instant.
	callers = 64
	rounds  = 50
)

// expect wants every outcome to be one of those that a race may have.
func expect(t *testing.T, errs []error, allowed ...string) {
	t.Helper()
	known := map[string]bool{"": true}
	for _, c := range allowed {
		known[c] = true
	}
	for _, err := range errs {
		if !known[code(err)] {
			t.Errorf("a loser was told %v (%v)", code(err), apperr.From(err))
		}
	}
}

// TestOwnersRace: owners demote, remove and leave at one instant, and one remains.
func TestOwnersRace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		for round := range rounds {
			ann := h.user(t, fmt.Sprint("ann", round))
			o := h.found(t, ann, fmt.Sprint("Race ", round))
			bob := h.join(t, ann, o.ID, fmt.Sprint("bob", round), tenancy.RoleOwner)
			owners := []string{ann, bob}
			errs := together(callers, func(i int) error {
				own, other := owners[i%2], owners[(i+1)%2]
				switch i / 2 % 4 {
				case 0:
					_, err := h.ChangeRole(t.Context(), own, o.ID, other, tenancy.RoleMember)
					return err
				case 1:
					return h.RemoveMember(t.Context(), own, o.ID, other)
				case 2:
					return h.RemoveMember(t.Context(), own, o.ID, own)
				default:
					_, err := h.ChangeRole(t.Context(), own, o.ID, own, tenancy.RoleGuest)
					return err
				}
			})
			expect(t, errs, "CONFLICT", "NOT_FOUND", "AUTHORIZATION_ERROR")
			if n := h.owners(t, o.ID); n != 1 {
				t.Errorf("round %d: %d owners are left", round, n)
			}
		}
	})
}

// TestTransferRace: ownership is handed over while it is taken away.
func TestTransferRace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		for round := range rounds {
			ann := h.user(t, fmt.Sprint("ann", round))
			o := h.found(t, ann, fmt.Sprint("Race ", round))
			bob := h.join(t, ann, o.ID, fmt.Sprint("bob", round), tenancy.RoleOwner)
			carol := h.join(t, ann, o.ID, fmt.Sprint("carol", round), tenancy.RoleMember)
			errs := together(callers, func(i int) error {
				switch i % 6 {
				case 0:
					_, err := h.Transfer(t.Context(), ann, o.ID, carol)
					return err
				case 1:
					_, err := h.Transfer(t.Context(), bob, o.ID, ann)
					return err
				case 2:
					_, err := h.ChangeRole(t.Context(), ann, o.ID, bob, tenancy.RoleGuest)
					return err
				case 3:
					return h.RemoveMember(t.Context(), bob, o.ID, carol)
				case 4:
					return h.deleteUser(t, carol)
				default:
					_, err := h.ChangeRole(t.Context(), carol, o.ID, ann, tenancy.RoleGuest)
					return err
				}
			})
			expect(t, errs, "CONFLICT", "NOT_FOUND", "AUTHORIZATION_ERROR")
			if n := h.owners(t, o.ID); n < 1 {
				t.Errorf("round %d: no owner is left", round)
			}
		}
	})
}

// TestSlugRace: one slug is taken once.
func TestSlugRace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		for round := range rounds {
			slug := fmt.Sprint("race-", round)
			counts := tally(together(callers, func(int) error {
				_, _, err := h.Create(t.Context(), ann, tenancy.NewOrganization{Name: "Race", Slug: slug})
				return err
			}))
			if counts[""] != 1 || counts["CONFLICT"] != callers-1 {
				t.Errorf("round %d: %v", round, counts)
			}
		}
		// Without a slug everybody gets one of their own.
		if counts := tally(together(callers, func(int) error {
			_, _, err := h.Create(t.Context(), ann, tenancy.NewOrganization{Name: "Same Name"})
			return err
		})); counts[""] != callers {
			t.Errorf("made slugs: %v", counts)
		}
	})
}

// TestMembershipRace: one user becomes a member once.
func TestMembershipRace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		ann := h.user(t, "ann")
		o := h.found(t, ann, "Acme")
		for round := range rounds {
			name := fmt.Sprint("bob", round)
			h.user(t, name)
			counts := tally(together(callers, func(int) error {
				_, err := h.AddMember(t.Context(), ann, o.ID, tenancy.NewMember{Email: name + "@example.com", Role: tenancy.RoleMember})
				return err
			}))
			if counts[""] != 1 || counts["CONFLICT"] != callers-1 {
				t.Errorf("round %d: %v", round, counts)
			}
		}
	})
}

// TestDeletionRace: users are deleted while they are added, promoted and left alone, and no
// membership outlives its user.
func TestDeletionRace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		for round := range rounds {
			ann := h.user(t, fmt.Sprint("ann", round))
			o := h.found(t, ann, fmt.Sprint("Race ", round))
			name := fmt.Sprint("bob", round)
			bob := h.user(t, name)
			errs := together(callers, func(i int) error {
				switch i % 4 {
				case 0:
					_, err := h.AddMember(t.Context(), ann, o.ID, tenancy.NewMember{Email: name + "@example.com", Role: tenancy.RoleOwner})
					return err
				case 1:
					return h.deleteUser(t, bob)
				case 2:
					_, _, err := h.Create(t.Context(), bob, tenancy.NewOrganization{Name: name})
					return err
				default:
					return h.deleteUser(t, ann)
				}
			})
			expect(t, errs, "CONFLICT", "NOT_FOUND", "AUTHORIZATION_ERROR", "INVALID_TOKEN")
			var orphans, ownerless int
			err := b.DB.Read().NewRaw(`SELECT (SELECT count(*) FROM tenancy_members WHERE user_id NOT IN (SELECT id FROM crowd_users)),
	(SELECT count(*) FROM tenancy_organizations o WHERE deleted_at IS NULL
	AND NOT EXISTS (SELECT 1 FROM tenancy_members m WHERE m.organization_id = o.id AND m.role = 'owner'))`).Scan(context.WithoutCancel(t.Context()), &orphans, &ownerless)
			if err != nil || orphans != 0 || ownerless != 0 {
				t.Errorf("round %d: %d memberships of nobody, %d organizations without an owner, %v", round, orphans, ownerless, err)
			}
		}
	})
}
