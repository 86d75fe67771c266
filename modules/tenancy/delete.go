package tenancy

import (
	"context"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
)

// Delete ends an organization: its memberships and invitations go, its slug is free, and
// what others remember of its members is stale.
func (s *Service) Delete(ctx context.Context, userID, organizationID string, check Precondition) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := s.store.hold(ctx, tx, userID, organizationID); err != nil {
			return err
		}
		r, _, err := s.store.readOrganization(ctx, tx, userID, organizationID, authn.PermissionOrganizationDelete)
		if err != nil {
			return err
		}
		if err := check(r.etag()); err != nil {
			return err
		}
		return s.end(ctx, tx, userID, organizationID, nil)
	})
}

// end ends an organization that is held.
func (s *Service) end(ctx context.Context, tx bun.Tx, actorID, organizationID string, metadata map[string]string) error {
	userIDs, err := s.store.deleteMembers(ctx, tx, organizationID)
	if err != nil {
		return err
	}
	if err := s.store.endOrganization(ctx, tx, organizationID, s.now()); err != nil {
		return err
	}
	if err := s.stale(ctx, tx, userIDs...); err != nil {
		return err
	}
	if err := s.bus.Publish(ctx, tx, events.OrganizationDeleted{OrganizationID: organizationID}); err != nil {
		return err
	}
	if metadata == nil {
		metadata = map[string]string{}
	}
	metadata["members"] = strconv.Itoa(len(userIDs))
	return s.bus.Publish(ctx, tx, aboutOrganization(ActionDelete, actorID, organizationID, metadata))
}
