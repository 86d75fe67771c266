package tenancy

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
)

// Directory tells other modules who belongs to what, and judges what they may do there. It
// needs nothing but the database, so that every module can need it.
type Directory struct {
	store                        *store
	standing, exported           *database.Stmt
	holdAll, onlyOwner, placesOf *database.Stmt
	lookups                      memberLookups
}

var _ authn.Authorizer = (*Directory)(nil)

// NewDirectory returns the directory of the organizations in db. It does no I/O.
func NewDirectory(db *database.DB) *Directory {
	holdAll := `SELECT o.id FROM tenancy_organizations o
	WHERE o.id IN (SELECT m.organization_id FROM tenancy_members m WHERE m.user_id = ?) ORDER BY o.id`
	if db.Dialect() == database.PostgreSQL {
		holdAll += ` FOR UPDATE`
	}
	const others = `SELECT 1 FROM tenancy_members x WHERE x.organization_id = m.organization_id AND x.user_id <> m.user_id`
	return &Directory{
		store: newStore(db),
		standing: db.Prepare(`SELECT o.id, o.name, o.slug, m.role, coalesce(o.session_idle_seconds, 0), coalesce(o.session_absolute_seconds, 0)
	FROM tenancy_members m JOIN tenancy_organizations o ON o.id = m.organization_id
	WHERE m.user_id = ? AND o.deleted_at IS NULL ORDER BY m.organization_id`),
		exported: db.Prepare(`SELECT o.id, o.name, o.slug, m.role, m.invited_at, m.joined_at FROM tenancy_members m
	JOIN tenancy_organizations o ON o.id = m.organization_id WHERE m.user_id = ? AND o.deleted_at IS NULL ORDER BY m.organization_id`),
		holdAll: db.Prepare(holdAll),
		onlyOwner: db.Prepare(`SELECT o.id, o.name, o.slug, m.role FROM tenancy_members m
	JOIN tenancy_organizations o ON o.id = m.organization_id WHERE m.user_id = ? AND m.role = 'owner' AND o.deleted_at IS NULL
	AND EXISTS (` + others + `) AND NOT EXISTS (` + others + ` AND x.role = 'owner') ORDER BY m.organization_id`),
		placesOf: db.Prepare(`SELECT m.organization_id FROM tenancy_members m WHERE m.user_id = ? ORDER BY m.organization_id`),
		lookups:  prepareLookups(db),
	}
}

// Authorize is part of [authn.Authorizer].
func (d *Directory) Authorize(ctx context.Context, db bun.IDB, userID, organizationID string, need authn.Permission) (authn.Membership, error) {
	organizationID, known := id.Parse(organizationID)
	userID, valid := id.Parse(userID)
	if !known || !valid {
		return authn.Membership{}, apperr.ErrNotFound
	}
	var role Role
	err := d.store.role.On(db).QueryRow(ctx, userID, organizationID).Scan(&role)
	switch {
	case database.IsNotFound(err):
		return authn.Membership{}, apperr.ErrNotFound
	case err != nil:
		return authn.Membership{}, fmt.Errorf("tenancy: find a role: %w", err)
	}
	if err := judge(ctx, organizationID, role, need); err != nil {
		return authn.Membership{}, err
	}
	return authn.Membership{OrganizationID: organizationID, UserID: userID, Role: string(role)}, nil
}

// Belonging is an organization that a user belongs to, and their role in it.
type Belonging struct {
	ID   string `json:"id" format:"uuid"`
	Name string `json:"name"`
	Slug string `json:"slug"`
	Role Role   `json:"role" enum:"owner,admin,member,guest"`
}

// Standing is what a user's organizations make of their sessions.
type Standing struct {
	// Idle and Absolute are the shortest rules for sessions among the organizations. Zero
	// says nothing.
	Idle, Absolute time.Duration
	// Belongings are the organizations, the oldest first.
	Belongings []Belonging
}

// StandingOf returns what a user belongs to, in one statement through db.
func (d *Directory) StandingOf(ctx context.Context, db bun.IDB, userID string) (Standing, error) {
	all := Standing{Belongings: []Belonging{}}
	err := d.standing.On(db).Query(ctx, func(scan func(...any) error) error {
		var b Belonging
		var idle, absolute int64
		if err := scan(&b.ID, &b.Name, &b.Slug, &b.Role, &idle, &absolute); err != nil {
			return err
		}
		all.Belongings = append(all.Belongings, b)
		all.Idle = shorter(all.Idle, time.Duration(idle)*time.Second)
		all.Absolute = shorter(all.Absolute, time.Duration(absolute)*time.Second)
		return nil
	}, userID)
	if err != nil {
		return Standing{}, fmt.Errorf("tenancy: find the standing of a user: %w", err)
	}
	return all, nil
}

// list returns the belongings that a statement finds.
func (d *Directory) list(ctx context.Context, s database.Runner, args ...any) ([]Belonging, error) {
	list := []Belonging{}
	err := s.Query(ctx, func(scan func(...any) error) error {
		var b Belonging
		if err := scan(&b.ID, &b.Name, &b.Slug, &b.Role); err != nil {
			return err
		}
		list = append(list, b)
		return nil
	}, args...)
	return list, err
}

// shorter returns the shorter of two rules, zero being none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
