package tenancy

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// Transferred is how a transfer of ownership left the two who took part.
type Transferred struct {
	Previous Member `json:"previous_owner"`
	New      Member `json:"new_owner"`
}

// Transfer makes another member the owner in the place of the user, who becomes an admin.
// It is [apperr.ErrNotFound] when the other is no member and [ErrOwner] when it is the user.
func (s *Service) Transfer(ctx context.Context, userID, organizationID, newOwnerID string) (Transferred, error) {
	var done Transferred
	err := s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := s.hold(ctx, tx, userID, organizationID, authn.PermissionOrganizationTransfer); err != nil {
			return err
		}
		next, err := s.store.findMember(ctx, tx, newOwnerID, organizationID)
		if err != nil {
			return err
		}
		if newOwnerID == userID {
			return ErrOwner
		}
		previous, err := s.store.findMember(ctx, tx, userID, organizationID)
		if err != nil {
			return err
		}
		from := next.Role
		if err := s.assign(ctx, tx, &next, RoleOwner); err != nil {
			return err
		}
		if err := s.assign(ctx, tx, &previous, RoleAdmin); err != nil {
			return err
		}
		what := map[string]string{"from": string(from), "previous_owner": userID}
		if err := s.bus.Publish(ctx, tx, aboutMember(ActionTransfer, userID, next, what)); err != nil {
			return err
		}
		if done.Previous, err = s.showOne(ctx, tx, previous); err != nil {
			return err
		}
		done.New, err = s.showOne(ctx, tx, next)
		return err
	})
	return done, err
}

// showOne puts the person to a membership. A user who is gone is no member any more.
func (s *Service) showOne(ctx context.Context, tx bun.Tx, r memberRow) (Member, error) {
	list, err := s.show(ctx, tx, []memberRow{r})
	if err != nil {
		return Member{}, err
	}
	if len(list) == 0 {
		return Member{}, apperr.ErrNotFound
	}
	return list[0], nil
}
