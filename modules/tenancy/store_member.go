package tenancy

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
)

// memberColumns are those of a memberRow m, in the order of its fields.
const memberColumns = `m.id, m.organization_id, m.user_id, m.role, m.invited_by_id, m.invited_at, m.joined_at, m.created_at, m.updated_at`

// memberStatements are the prepared statements on memberships.
type memberStatements struct {
	memberOf, members, addMember, setRole, removeMember, removeMembers *database.Stmt
	removeInvites, roleCounts, otherOwner, userIDs                     *database.Stmt
}

func prepareMembers(db *database.DB) memberStatements {
	return memberStatements{
		memberOf: db.Prepare(`SELECT ` + memberColumns + ` FROM tenancy_members m WHERE m.user_id = ? AND m.organization_id = ?`),
		// The first column is the role of whoever asks: no row is a stranger, and a row
		// without a member is the end of the list.
		members: db.Prepare(`SELECT me.role, ` + memberColumns + ` FROM tenancy_members me
	JOIN tenancy_organizations o ON o.id = me.organization_id AND o.deleted_at IS NULL
	LEFT JOIN (SELECT * FROM tenancy_members WHERE organization_id = ? AND id > ? ORDER BY id LIMIT ? OFFSET ?) m ON TRUE
	WHERE me.user_id = ? AND me.organization_id = ? ORDER BY m.id`),
		addMember: db.Prepare(`INSERT INTO tenancy_members (id, organization_id, user_id, role, invited_by_id, invited_at, joined_at, created_at, updated_at)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, organization_id) DO NOTHING`),
		setRole:       db.Prepare(`UPDATE tenancy_members SET role = ?, updated_at = ? WHERE user_id = ? AND organization_id = ?`),
		removeMember:  db.Prepare(`DELETE FROM tenancy_members WHERE user_id = ? AND organization_id = ?`),
		removeMembers: db.Prepare(`DELETE FROM tenancy_members WHERE organization_id = ? RETURNING user_id`),
		removeInvites: db.Prepare(`DELETE FROM tenancy_invites WHERE organization_id = ?`),
		roleCounts: db.Prepare(`SELECT me.role, m.role, count(*) FROM tenancy_members me
	JOIN tenancy_organizations o ON o.id = me.organization_id AND o.deleted_at IS NULL
	JOIN tenancy_members m ON m.organization_id = me.organization_id
	WHERE me.user_id = ? AND me.organization_id = ? GROUP BY me.role, m.role`),
		otherOwner: db.Prepare(`SELECT EXISTS (SELECT 1 FROM tenancy_members WHERE organization_id = ? AND role = 'owner' AND user_id <> ?)`),
		userIDs:    db.Prepare(`SELECT user_id FROM tenancy_members WHERE organization_id = ?`),
	}
}

// fields are the destinations of the memberColumns.
func (r *memberRow) fields() []any {
	return []any{
		&r.ID, &r.OrganizationID, &r.UserID, &r.Role, &r.InvitedByID,
		database.Time(&r.InvitedAt), database.Time(&r.JoinedAt), database.Time(&r.CreatedAt), database.Time(&r.UpdatedAt),
	}
}

// findMember returns a membership, [apperr.ErrNotFound] when there is none.
func (s *store) findMember(ctx context.Context, on bun.IDB, userID, organizationID string) (memberRow, error) {
	var r memberRow
	err := s.memberOf.On(on).QueryRow(ctx, userID, organizationID).Scan(r.fields()...)
	switch {
	case database.IsNotFound(err):
		return r, apperr.ErrNotFound
	case err != nil:
		return r, fmt.Errorf("tenancy: find a member: %w", err)
	}
	return r, nil
}

// memberPage is where a page of members begins and how long it is.
type memberPage struct {
	after         string
	offset, limit int
}

// listMembers returns a page of an organization's members, oldest first, and the role of
// the user who asks. It is [apperr.ErrNotFound] for somebody who is no member.
func (s *store) listMembers(ctx context.Context, userID, organizationID string, p memberPage) (role Role, rows []memberRow, err error) {
	if p.after == "" {
		p.after = noID
	}
	err = s.members.Query(ctx, func(scan func(...any) error) error {
		var r memberRow
		var id, organization, user, own sql.NullString
		dest := append([]any{&role}, r.fields()...)
		dest[1], dest[2], dest[3], dest[4] = &id, &organization, &user, &own
		if err := scan(dest...); err != nil || !id.Valid {
			return err
		}
		r.ID, r.OrganizationID, r.UserID, r.Role = id.String, organization.String, user.String, Role(own.String)
		rows = append(rows, r)
		return nil
	}, organizationID, p.after, p.limit, p.offset, userID, organizationID)
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("tenancy: list members: %w", err)
	case role == "":
		return "", nil, apperr.ErrNotFound
	}
	return role, rows, nil
}

// insertMember adds a membership and reports false when there is one already.
func (s *store) insertMember(ctx context.Context, tx bun.Tx, r memberRow) (bool, error) {
	var invitedAt *time.Time
	if !r.InvitedAt.IsZero() {
		invitedAt = &r.InvitedAt
	}
	res, err := s.addMember.In(tx).Exec(ctx, r.ID, r.OrganizationID, r.UserID, string(r.Role), r.InvitedByID, invitedAt,
		r.JoinedAt, r.CreatedAt, r.UpdatedAt)
	if err != nil {
		return false, fmt.Errorf("tenancy: add a member: %w", err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// updateRole gives a member another role.
func (s *store) updateRole(ctx context.Context, tx bun.Tx, r memberRow) error {
	if _, err := s.setRole.In(tx).Exec(ctx, string(r.Role), r.UpdatedAt, r.UserID, r.OrganizationID); err != nil {
		return fmt.Errorf("tenancy: change a role: %w", err)
	}
	return nil
}

// deleteMember ends a membership.
func (s *store) deleteMember(ctx context.Context, tx bun.Tx, userID, organizationID string) error {
	if _, err := s.removeMember.In(tx).Exec(ctx, userID, organizationID); err != nil {
		return fmt.Errorf("tenancy: remove a member: %w", err)
	}
	return nil
}

// deleteMembers ends every membership of an organization, removes its invitations, and
// returns whose memberships they were.
func (s *store) deleteMembers(ctx context.Context, tx bun.Tx, organizationID string) (userIDs []string, err error) {
	userIDs, err = texts(ctx, s.removeMembers.In(tx), organizationID)
	if err == nil {
		_, err = s.removeInvites.In(tx).Exec(ctx, organizationID)
	}
	if err != nil {
		return nil, fmt.Errorf("tenancy: remove all members: %w", err)
	}
	return userIDs, nil
}

// memberIDs returns the users who are members.
func (s *store) memberIDs(ctx context.Context, tx bun.Tx, organizationID string) ([]string, error) {
	userIDs, err := texts(ctx, s.userIDs.In(tx), organizationID)
	if err != nil {
		return nil, fmt.Errorf("tenancy: list all members: %w", err)
	}
	return userIDs, nil
}

// hasOtherOwner reports whether somebody but the user owns the organization.
func (s *store) hasOtherOwner(ctx context.Context, tx bun.Tx, organizationID, userID string) (has bool, err error) {
	if err = s.otherOwner.In(tx).QueryRow(ctx, organizationID, userID).Scan(&has); err != nil {
		return false, fmt.Errorf("tenancy: look for another owner: %w", err)
	}
	return has, nil
}

// countRoles returns how many members have each role, and the role of the user who asks.
func (s *store) countRoles(ctx context.Context, userID, organizationID string) (own Role, counts map[Role]int, err error) {
	counts = map[Role]int{}
	err = s.roleCounts.Query(ctx, func(scan func(...any) error) error {
		var role Role
		var n int
		if err := scan(&own, &role, &n); err != nil {
			return err
		}
		counts[role] = n
		return nil
	}, userID, organizationID)
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("tenancy: count roles: %w", err)
	case own == "":
		return "", nil, apperr.ErrNotFound
	}
	return own, counts, nil
}

// texts reads rows of one text.
func texts(ctx context.Context, s database.Runner, args ...any) (all []string, err error) {
	err = s.Query(ctx, func(scan func(...any) error) error {
		var text string
		if err := scan(&text); err != nil {
			return err
		}
		all = append(all, text)
		return nil
	}, args...)
	return all, err
}
