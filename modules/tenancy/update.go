package tenancy

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// Read returns an organization to one of its members, with its entity tag and the number of
// its members, in one statement.
func (s *Service) Read(ctx context.Context, userID, organizationID string) (o Organization, etag string, members int, err error) {
	r, members, err := s.store.readOrganization(ctx, s.db.Read(), userID, organizationID, authn.PermissionOrganizationRead)
	if err != nil {
		return Organization{}, "", 0, err
	}
	return r.Organization, r.etag(), members, nil
}

// List returns up to limit of a user's organizations after the given one, the oldest first,
// and whether there are more, in one statement.
func (s *Service) List(ctx context.Context, userID, after string, limit int) (list []Organization, more bool, err error) {
	list, err = s.store.organizationsOf(ctx, userID, after, limit+1)
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	return list, more, err
}

// Profile is a change of what an organization shows of itself.
type Profile struct {
	// Name is nil to leave it.
	Name                 *string
	Description, LogoURL Change
	Precondition         Precondition
}

// complaints says what is wrong beyond what the document can say.
func (p Profile) complaints() map[string][]string {
	if p.Name == nil {
		return nil
	}
	if _, wrong := checkName(*p.Name); wrong != nil {
		return map[string][]string{"name": wrong}
	}
	return nil
}

// Update changes an organization and returns it as it is then, with its entity tag.
func (s *Service) Update(ctx context.Context, userID, organizationID string, p Profile) (Organization, string, error) {
	if err := apperr.Fields(p.complaints()); err != nil {
		return Organization{}, "", err
	}
	var r organizationRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		err := s.store.hold(ctx, tx, userID, organizationID)
		if err != nil {
			return err
		}
		if r, _, err = s.store.readOrganization(ctx, tx, userID, organizationID, authn.PermissionOrganizationUpdate); err != nil {
			return err
		}
		if err := p.Precondition(r.etag()); err != nil {
			return err
		}
		changed := r.change(p)
		if len(changed) == 0 {
			return nil
		}
		r.Version++
		r.UpdatedAt = s.now()
		if err := s.store.updateProfile(ctx, tx, r.Organization); err != nil {
			return err
		}
		what := map[string]string{"changed": strings.Join(changed, ",")}
		return s.bus.Publish(ctx, tx, aboutOrganization(ActionUpdate, userID, organizationID, what))
	})
	return r.Organization, r.etag(), err
}

// change applies a change to the row and returns the names of what is different.
func (r *organizationRow) change(p Profile) (changed []string) {
	if p.Name != nil {
		if name, _ := checkName(*p.Name); name != r.Name {
			r.Name = name
			changed = append(changed, "name")
		}
	}
	if d := p.Description.apply(r.Description); !same(d, r.Description) {
		r.Description = d
		changed = append(changed, "description")
	}
	if l := p.LogoURL.apply(r.LogoURL); !same(l, r.LogoURL) {
		r.LogoURL = l
		changed = append(changed, "logo_url")
	}
	return changed
}
