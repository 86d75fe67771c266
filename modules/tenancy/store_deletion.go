package tenancy

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
)

// successor returns the member who is or would become the owner: the longest-serving of
// the highest role there is. It reports false when nobody is left.
func (s *store) successor(ctx context.Context, tx bun.Tx, organizationID string) (r memberRow, found bool, err error) {
	err = s.next.In(tx).QueryRow(ctx, organizationID).Scan(r.fields()...)
	switch {
	case database.IsNotFound(err):
		return r, false, nil
	case err != nil:
		return r, false, fmt.Errorf("tenancy: find a successor: %w", err)
	}
	return r, true, nil
}

// forgetTraces removes a user from the memberships of those whom they brought in, and the
// invitations that wait for their address.
func (s *store) forgetTraces(ctx context.Context, tx bun.Tx, userID, email string) error {
	if _, err := s.forgetInviter.In(tx).Exec(ctx, userID); err != nil {
		return fmt.Errorf("tenancy: forget an inviter: %w", err)
	}
	if email == "" {
		return nil
	}
	if _, err := s.forgetInvited.In(tx).Exec(ctx, email); err != nil {
		return fmt.Errorf("tenancy: forget the invitations of an address: %w", err)
	}
	return nil
}

// sourceUsers names the deletion marks of users in tenancy_progress.
const sourceUsers = "identity.users"

// findProgress returns the last deletion mark that was dealt with.
func (s *store) findProgress(ctx context.Context) (authn.DeletionMark, error) {
	var m authn.DeletionMark
	err := s.progress.QueryRow(ctx, sourceUsers).Scan(database.Time(&m.At), &m.ID)
	switch {
	case database.IsNotFound(err):
		return authn.DeletionMark{ID: noID}, nil
	case err != nil:
		return m, fmt.Errorf("tenancy: find how far deletions were dealt with: %w", err)
	}
	return m, nil
}

// saveProgress notes the last deletion mark that was dealt with.
func (s *store) saveProgress(ctx context.Context, m authn.DeletionMark) error {
	if _, err := s.setProgress.Exec(ctx, sourceUsers, database.Canonical(m.At), m.ID); err != nil {
		return fmt.Errorf("tenancy: note how far deletions were dealt with: %w", err)
	}
	return nil
}

// membersAmong returns which of the users are members of anything.
func (s *store) membersAmong(ctx context.Context, userIDs []string) (found []string, err error) {
	err = s.db.Read().NewSelect().Table("tenancy_members").Distinct().Column("user_id").
		Where("user_id IN (?)", bun.List(userIDs)).Order("user_id").Scan(ctx, &found)
	if err != nil {
		return nil, fmt.Errorf("tenancy: find memberships: %w", err)
	}
	return found, nil
}

// deletionStatements are the prepared statements on what outlives its user.
type deletionStatements struct {
	next, forgetInviter, forgetInvited, progress, setProgress *database.Stmt
}

func prepareDeletions(db *database.DB) deletionStatements {
	return deletionStatements{
		next: db.Prepare(`SELECT ` + memberColumns + ` FROM tenancy_members m WHERE m.organization_id = ?
	ORDER BY CASE m.role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 WHEN 'member' THEN 2 ELSE 3 END, m.id LIMIT 1`),
		forgetInviter: db.Prepare(`UPDATE tenancy_members SET invited_by_id = NULL WHERE invited_by_id = ?`),
		forgetInvited: db.Prepare(`DELETE FROM tenancy_invites WHERE email = ?`),
		progress:      db.Prepare(`SELECT deleted_at, last_id FROM tenancy_progress WHERE source = ?`),
		setProgress: db.Prepare(`INSERT INTO tenancy_progress (source, deleted_at, last_id) VALUES (?, ?, ?)
	ON CONFLICT (source) DO UPDATE SET deleted_at = excluded.deleted_at, last_id = excluded.last_id`),
	}
}
