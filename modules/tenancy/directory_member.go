package tenancy

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
)

// memberLookups are the prepared statements of whoever judges an organization's members.
type memberLookups struct{ after, name *database.Stmt }

func prepareLookups(db *database.DB) memberLookups {
	return memberLookups{
		after: db.Prepare(`SELECT m.user_id FROM tenancy_members m JOIN tenancy_organizations o ON o.id = m.organization_id
	WHERE m.organization_id = ? AND o.deleted_at IS NULL AND m.user_id > ? ORDER BY m.user_id LIMIT ?`),
		name: db.Prepare(`SELECT name FROM tenancy_organizations WHERE id = ? AND deleted_at IS NULL`),
	}
}

// MembersAfter returns up to limit ids of an organization's members above the given one, in
// their order; empty comes before all. There are none when the organization is gone.
func (d *Directory) MembersAfter(ctx context.Context, db bun.IDB, organizationID, after string, limit int) ([]string, error) {
	if after == "" {
		after = noID
	}
	userIDs, err := texts(ctx, d.lookups.after.On(db), organizationID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("tenancy: list members by their ids: %w", err)
	}
	return userIDs, nil
}

// MembersAmong returns those of the users who belong to an organization, in one statement.
// There are none when the organization is gone.
func (d *Directory) MembersAmong(ctx context.Context, db bun.IDB, organizationID string, userIDs []string) ([]string, error) {
	if len(userIDs) == 0 {
		return nil, nil
	}
	var members []string
	err := db.NewSelect().TableExpr("tenancy_members AS m").Join("JOIN tenancy_organizations AS o ON o.id = m.organization_id").Column("m.user_id").
		Where("m.organization_id = ?", organizationID).Where("o.deleted_at IS NULL").Where("m.user_id IN (?)", bun.List(userIDs)).Scan(ctx, &members)
	if err != nil {
		return nil, fmt.Errorf("tenancy: find members among users: %w", database.Translate(err))
	}
	return members, nil
}

// MembershipOf returns a user's place in an organization, [apperr.ErrNotFound] when they
// have none there. It judges nobody.
func (d *Directory) MembershipOf(ctx context.Context, db bun.IDB, organizationID, userID string) (authn.Membership, error) {
	m := authn.Membership{}
	var known, valid bool
	m.OrganizationID, known = id.Parse(organizationID)
	m.UserID, valid = id.Parse(userID)
	if !known || !valid {
		return authn.Membership{}, apperr.ErrNotFound
	}
	err := d.store.role.On(db).QueryRow(ctx, m.UserID, m.OrganizationID).Scan(&m.Role)
	switch {
	case database.IsNotFound(err):
		return authn.Membership{}, apperr.ErrNotFound
	case err != nil:
		return authn.Membership{}, fmt.Errorf("tenancy: find a membership: %w", err)
	}
	return m, nil
}

// NameOf returns the name of an organization, [apperr.ErrNotFound] when it is gone.
func (d *Directory) NameOf(ctx context.Context, db bun.IDB, organizationID string) (name string, err error) {
	err = d.lookups.name.On(db).QueryRow(ctx, organizationID).Scan(&name)
	switch {
	case database.IsNotFound(err):
		return "", apperr.ErrNotFound
	case err != nil:
		return "", fmt.Errorf("tenancy: find the name of an organization: %w", err)
	}
	return name, nil
}
