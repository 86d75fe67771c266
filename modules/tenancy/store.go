package tenancy

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
)

// noID sorts before every identifier.
const noID = "00000000-0000-0000-0000-000000000000"

// organizationColumns are those of an organizationRow o, in the order of its fields.
const organizationColumns = `o.id, o.name, o.slug, o.description, o.logo_url, o.is_active, o.session_idle_seconds,
	o.session_absolute_seconds, o.version, o.created_at, o.updated_at`

// store reads and writes the organizations and their members. It returns sql.ErrNoRows for
// those that there are not.
type store struct {
	db *database.DB

	role, held, byMember, pageOf, addOrganization *database.Stmt
	setProfile, setPolicy, end, mark              *database.Stmt
	memberStatements
	deletionStatements
}

func newStore(db *database.DB) *store {
	held := `SELECT o.id FROM tenancy_organizations o JOIN tenancy_members m ON m.organization_id = o.id AND m.user_id = ?
	WHERE o.id = ? AND o.deleted_at IS NULL`
	if db.Dialect() == database.PostgreSQL {
		held += ` FOR UPDATE OF o`
	}
	return &store{
		db: db,
		role: db.Prepare(`SELECT m.role FROM tenancy_members m JOIN tenancy_organizations o ON o.id = m.organization_id
	WHERE m.user_id = ? AND m.organization_id = ? AND o.deleted_at IS NULL`),
		held: db.Prepare(held),
		byMember: db.Prepare(`SELECT ` + organizationColumns + `, m.role,
	(SELECT count(*) FROM tenancy_members c WHERE c.organization_id = o.id)
	FROM tenancy_members m JOIN tenancy_organizations o ON o.id = m.organization_id
	WHERE m.user_id = ? AND m.organization_id = ? AND o.deleted_at IS NULL`),
		pageOf: db.Prepare(`SELECT ` + organizationColumns + `, m.role
	FROM tenancy_members m JOIN tenancy_organizations o ON o.id = m.organization_id
	WHERE m.user_id = ? AND m.organization_id > ? AND o.deleted_at IS NULL ORDER BY m.organization_id LIMIT ?`),
		// The index decides whether a slug is free, and waits for whoever is about to take it.
		addOrganization: db.Prepare(`INSERT INTO tenancy_organizations (id, name, slug, description, logo_url, version, created_at, updated_at)
	VALUES (?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT (slug) WHERE deleted_at IS NULL DO NOTHING`),
		setProfile: db.Prepare(`UPDATE tenancy_organizations SET name = ?, description = ?, logo_url = ?, version = version + 1, updated_at = ?
	WHERE id = ?`),
		setPolicy:          db.Prepare(`UPDATE tenancy_organizations SET session_idle_seconds = ?, session_absolute_seconds = ? WHERE id = ?`),
		end:                db.Prepare(`UPDATE tenancy_organizations SET deleted_at = ?, updated_at = ?, version = version + 1 WHERE id = ?`),
		mark:               db.Prepare(`INSERT INTO tenancy_deletions (organization_id, deleted_at) VALUES (?, ?)`),
		memberStatements:   prepareMembers(db),
		deletionStatements: prepareDeletions(db),
	}
}

// fields are the destinations of the organizationColumns.
func (r *organizationRow) fields() []any {
	return []any{
		&r.ID, &r.Name, &r.Slug, &r.Description, &r.LogoURL, &r.IsActive, &r.Idle, &r.Absolute, &r.Version,
		database.Time(&r.CreatedAt), database.Time(&r.UpdatedAt),
	}
}

// hold holds an organization until tx ends, on behalf of a member.
func (s *store) hold(ctx context.Context, tx bun.Tx, userID, organizationID string) error {
	var found string
	err := s.held.In(tx).QueryRow(ctx, userID, organizationID).Scan(&found)
	switch {
	case database.IsNotFound(err):
		return apperr.ErrNotFound
	case err != nil:
		return fmt.Errorf("tenancy: hold an organization: %w", err)
	}
	return nil
}

// findOrganization returns an organization as one of its members sees it, and how many
// members it has. It is [apperr.ErrNotFound] for everybody else.
func (s *store) findOrganization(ctx context.Context, on bun.IDB, userID, organizationID string) (r organizationRow, members int, err error) {
	err = s.byMember.On(on).QueryRow(ctx, userID, organizationID).Scan(append(r.fields(), &r.Role, &members)...)
	switch {
	case database.IsNotFound(err):
		return r, 0, apperr.ErrNotFound
	case err != nil:
		return r, 0, fmt.Errorf("tenancy: find an organization: %w", err)
	}
	return r, members, nil
}

// readOrganization returns an organization to a member whose role grants the permission.
func (s *store) readOrganization(ctx context.Context, on bun.IDB, userID, organizationID string, need authn.Permission) (organizationRow, int, error) {
	r, members, err := s.findOrganization(ctx, on, userID, organizationID)
	if err != nil {
		return r, 0, err
	}
	return r, members, judge(ctx, r.ID, r.Role, need)
}

// organizationsOf returns up to limit organizations of a user after the given one.
func (s *store) organizationsOf(ctx context.Context, userID, after string, limit int) ([]Organization, error) {
	if after == "" {
		after = noID
	}
	list := []Organization{}
	err := s.pageOf.Query(ctx, func(scan func(...any) error) error {
		var r organizationRow
		if err := scan(append(r.fields(), &r.Role)...); err != nil {
			return err
		}
		list = append(list, r.Organization)
		return nil
	}, userID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("tenancy: list a user's organizations: %w", err)
	}
	return list, nil
}

// insertOrganization adds an organization and reports false when its slug is taken.
func (s *store) insertOrganization(ctx context.Context, tx bun.Tx, o Organization) (bool, error) {
	res, err := s.addOrganization.In(tx).Exec(ctx, o.ID, o.Name, o.Slug, o.Description, o.LogoURL, o.CreatedAt, o.UpdatedAt)
	if err != nil {
		return false, fmt.Errorf("tenancy: add an organization: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// updateProfile writes what an organization shows of itself.
func (s *store) updateProfile(ctx context.Context, tx bun.Tx, o Organization) error {
	if _, err := s.setProfile.In(tx).Exec(ctx, o.Name, o.Description, o.LogoURL, o.UpdatedAt, o.ID); err != nil {
		return fmt.Errorf("tenancy: change an organization: %w", err)
	}
	return nil
}

// updatePolicy writes an organization's session policy.
func (s *store) updatePolicy(ctx context.Context, tx bun.Tx, organizationID string, idle, absolute *int64) error {
	if _, err := s.setPolicy.In(tx).Exec(ctx, idle, absolute, organizationID); err != nil {
		return fmt.Errorf("tenancy: change a session policy: %w", err)
	}
	return nil
}

// endOrganization marks an organization deleted, which frees its slug.
func (s *store) endOrganization(ctx context.Context, tx bun.Tx, organizationID string, at time.Time) error {
	if _, err := s.end.In(tx).Exec(ctx, at, at, organizationID); err != nil {
		return fmt.Errorf("tenancy: end an organization: %w", err)
	}
	if _, err := s.mark.In(tx).Exec(ctx, organizationID, at); err != nil {
		return fmt.Errorf("tenancy: mark an organization as deleted: %w", err)
	}
	return nil
}
