package tenancy

import (
	"context"
	"errors"
	"strings"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/events"
)

// NewOrganization is what somebody gives to found an organization.
type NewOrganization struct {
	// Name is what people call it; spaces around it are cut.
	Name string
	// Slug is made from the name when it is empty.
	Slug                 string
	Description, LogoURL *string
}

// checkName returns a name as it is stored, and what is wrong with it.
func checkName(name string) (string, []string) {
	if name = strings.TrimSpace(name); name == "" {
		return "", []string{"Length must be between 1 and 255."}
	}
	return name, nil
}

// complaints says what is wrong beyond what the document can say.
func (n NewOrganization) complaints() map[string][]string {
	if _, wrong := checkName(n.Name); wrong != nil {
		return map[string][]string{"name": wrong}
	}
	return nil
}

// Create founds an organization that the user owns, and returns it with its entity tag. A
// slug that is given and taken is [ErrSlugTaken].
func (s *Service) Create(ctx context.Context, userID string, n NewOrganization) (Organization, string, error) {
	if err := apperr.Fields(n.complaints()); err != nil {
		return Organization{}, "", err
	}
	name, _ := checkName(n.Name)
	now := s.now()
	r := organizationRow{Version: 1, Organization: Organization{
		ID: s.ids.New(), Name: name, Slug: n.Slug, Description: n.Description, LogoURL: n.LogoURL, IsActive: true, Role: RoleOwner,
		CreatedAt: now, UpdatedAt: now,
	}}
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.people.HoldUser(ctx, tx, userID); err != nil {
			if errors.Is(err, apperr.ErrNotFound) {
				return apperr.ErrInvalidToken // a user who is gone has no session any more either
			}
			return err
		}
		var err error
		if r.Slug, err = s.found(ctx, tx, r.Organization, n.Slug != ""); err != nil {
			return err
		}
		owner := memberRow{OrganizationID: r.ID, UserID: userID, Role: RoleOwner}
		if _, _, err := s.join(ctx, tx, owner); err != nil {
			return err
		}
		return s.bus.Publish(ctx, tx, aboutOrganization(ActionCreate, userID, r.ID, map[string]string{"slug": r.Slug}))
	})
	return r.Organization, r.etag(), err
}

// found adds an organization and returns its slug, which is tried as it is when it was
// given, and otherwise made from the name until the database takes it.
func (s *Service) found(ctx context.Context, tx bun.Tx, o Organization, given bool) (string, error) {
	base := o.Slug
	if !given {
		base = slugOf(o.Name)
	}
	o.Slug = base
	for range slugAttempts {
		added, err := s.store.insertOrganization(ctx, tx, o)
		if err != nil || added {
			return o.Slug, err
		}
		if given {
			return "", ErrSlugTaken
		}
		o.Slug = suffixed(base, s.ids.New())
	}
	return "", ErrSlugTaken
}

// join makes a user a member from now on and reports false when they are one already. The
// user and the organization are held. The fact is the caller's to tell.
func (s *Service) join(ctx context.Context, tx bun.Tx, r memberRow) (memberRow, bool, error) {
	now := s.now()
	r.ID, r.JoinedAt, r.CreatedAt, r.UpdatedAt = s.ids.New(), now, now, now
	added, err := s.store.insertMember(ctx, tx, r)
	if err != nil || !added {
		return r, false, err
	}
	if err := s.stale(ctx, tx, r.UserID); err != nil {
		return r, true, err
	}
	return r, true, s.bus.Publish(ctx, tx, events.MembershipChanged{OrganizationID: r.OrganizationID, UserID: r.UserID, Member: true})
}
