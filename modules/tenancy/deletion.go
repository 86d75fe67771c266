package tenancy

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/events"
)

// errOnlyOwner keeps an account whose end would leave an organization without an owner.
var errOnlyOwner = apperr.ErrConflict.WithMessage(
	"You are the only owner of an organization with other members. Make somebody else its owner first.")

// OwnedOrganization names an organization in the details of a refusal.
type OwnedOrganization struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Slug string `json:"slug"`
}

// CheckUserDeletion vetoes the deletion of the only owner of an organization that has other
// members: it is a conflict whose details name the organizations. The user is held in tx;
// their organizations are from here on.
func (d *Directory) CheckUserDeletion(ctx context.Context, tx bun.Tx, userID string) error {
	if err := d.holdPlaces(ctx, tx, userID); err != nil {
		return err
	}
	owned, err := d.list(ctx, d.onlyOwner.In(tx), userID)
	if err != nil {
		return fmt.Errorf("tenancy: find what a user owns alone: %w", err)
	}
	if len(owned) == 0 {
		return nil
	}
	named := make([]OwnedOrganization, len(owned))
	for i, o := range owned {
		named[i] = OwnedOrganization{ID: o.ID, Name: o.Name, Slug: o.Slug}
	}
	return errOnlyOwner.With("organizations", named)
}

// holdPlaces holds every organization of a user, in the order of their ids.
func (d *Directory) holdPlaces(ctx context.Context, tx bun.Tx, userID string) error {
	if _, err := texts(ctx, d.holdAll.In(tx), userID); err != nil {
		return fmt.Errorf("tenancy: hold the organizations of a user: %w", err)
	}
	return nil
}

// Why somebody stops being a member without anybody's wish to remove them.
const (
	reasonDeleted = "account_deleted"
	reasonGone    = "account_gone"
)

// forgetUser ends every membership of a user who is deleted in tx. Where nobody is left the
// organization goes too.
func (s *Service) forgetUser(ctx context.Context, tx bun.Tx, e events.UserDeleted) error {
	return s.forget(ctx, tx, e.UserID, e.Email, e.UserID, reasonDeleted)
}

// forget removes what there is of a user. actorID is who did it, empty for nobody.
func (s *Service) forget(ctx context.Context, tx bun.Tx, userID, email, actorID, reason string) error {
	if err := s.directory.holdPlaces(ctx, tx, userID); err != nil {
		return err
	}
	places, err := texts(ctx, s.directory.placesOf.In(tx), userID)
	if err != nil {
		return fmt.Errorf("tenancy: find the organizations of a user: %w", err)
	}
	for _, organizationID := range places {
		if err := s.dropOut(ctx, tx, userID, organizationID, actorID, reason); err != nil {
			return err
		}
	}
	return s.store.forgetTraces(ctx, tx, userID, email)
}

// dropOut ends the membership of a user who is no more. When they leave others behind
// without an owner, the oldest of the highest role becomes one.
func (s *Service) dropOut(ctx context.Context, tx bun.Tx, userID, organizationID, actorID, reason string) error {
	r, err := s.store.findMember(ctx, tx, userID, organizationID)
	if err != nil {
		return err
	}
	if err := s.store.deleteMember(ctx, tx, userID, organizationID); err != nil {
		return err
	}
	if err := s.withdrawMade(ctx, tx, organizationID, userID, ""); err != nil {
		return err
	}
	next, found, err := s.store.successor(ctx, tx, organizationID)
	if err != nil {
		return err
	}
	if !found {
		return s.end(ctx, tx, actorID, organizationID, map[string]string{"reason": reason})
	}
	what := map[string]string{"role": string(r.Role), "reason": reason}
	if err := s.bus.Publish(ctx, tx, aboutMember(ActionMemberRemove, actorID, r, what)); err != nil {
		return err
	}
	if next.Role == RoleOwner {
		return nil
	}
	return s.promote(ctx, tx, next, reason)
}

// promote makes a member the owner of an organization that lost its last one. Nobody did
// it, so the fact has no actor.
func (s *Service) promote(ctx context.Context, tx bun.Tx, r memberRow, reason string) error {
	what := map[string]string{"from": string(r.Role), "to": string(RoleOwner), "reason": reason}
	if err := s.assign(ctx, tx, &r, RoleOwner); err != nil {
		return err
	}
	return s.bus.Publish(ctx, tx, aboutMember(ActionRoleChange, "", r, what))
}
