package tenancy

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
)

// inviteColumns are those of an Invite, in the order of its fields.
const inviteColumns = `id, organization_id, email, role, invited_by_id, expires_at, created_at, updated_at`

// inviteColumnsOfI are the inviteColumns of a table that is called i.
const inviteColumnsOfI = `i.id, i.organization_id, i.email, i.role, i.invited_by_id, i.expires_at, i.created_at, i.updated_at`

// inviteStore reads and writes invitations. It returns [apperr.ErrNotFound] for those that
// there are not. Those of an organization change while it is held.
type inviteStore struct {
	insert, update, byEmail, byToken, byOrganization, byAddress *database.Stmt
	remove, take, drop, prune, expire, hold                     *database.Stmt
}

func newInviteStore(db *database.DB) *inviteStore {
	hold := `SELECT id FROM tenancy_organizations WHERE id = ? AND deleted_at IS NULL`
	if db.Dialect() == database.PostgreSQL {
		hold += ` FOR UPDATE`
	}
	return &inviteStore{
		insert: db.Prepare(`INSERT INTO tenancy_invites (token_hash, ` + inviteColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (organization_id, email) DO UPDATE SET token_hash = excluded.token_hash, role = excluded.role,
	invited_by_id = excluded.invited_by_id, expires_at = excluded.expires_at, updated_at = excluded.updated_at
	RETURNING ` + inviteColumns),
		update: db.Prepare(`UPDATE tenancy_invites SET token_hash = ?, expires_at = ?, updated_at = ?
	WHERE id = ? AND organization_id = ? RETURNING ` + inviteColumns),
		byEmail: db.Prepare(`SELECT ` + inviteColumns + ` FROM tenancy_invites WHERE organization_id = ? AND email = ?`),
		byToken: db.Prepare(`SELECT ` + inviteColumnsOfI + `, o.name FROM tenancy_invites i
	JOIN tenancy_organizations o ON o.id = i.organization_id WHERE i.token_hash = ? AND o.deleted_at IS NULL`),
		// The first column is the role of whoever asks: no row is a stranger, and a row
		// without an invitation is the end of the list.
		byOrganization: db.Prepare(`SELECT me.role, ` + inviteColumnsOfI + ` FROM tenancy_members me
	JOIN tenancy_organizations o ON o.id = me.organization_id AND o.deleted_at IS NULL
	LEFT JOIN (SELECT * FROM tenancy_invites WHERE organization_id = ? AND id > ? ORDER BY id LIMIT ?) i ON TRUE
	WHERE me.user_id = ? AND me.organization_id = ? ORDER BY i.id`),
		byAddress: db.Prepare(`SELECT ` + inviteColumnsOfI + `, o.name FROM tenancy_invites i
	JOIN tenancy_organizations o ON o.id = i.organization_id AND o.deleted_at IS NULL
	WHERE i.email = ? AND i.id > ? AND i.expires_at > ?
	AND NOT EXISTS (SELECT 1 FROM tenancy_members m WHERE m.user_id = ? AND m.organization_id = i.organization_id)
	ORDER BY i.id LIMIT ?`),
		remove: db.Prepare(`DELETE FROM tenancy_invites WHERE id = ? AND organization_id = ? RETURNING ` + inviteColumns),
		take:   db.Prepare(`DELETE FROM tenancy_invites WHERE token_hash = ? RETURNING ` + inviteColumns),
		drop:   db.Prepare(`DELETE FROM tenancy_invites WHERE organization_id = ? AND email = ?`),
		prune: db.Prepare(`DELETE FROM tenancy_invites WHERE id IN
	(SELECT id FROM tenancy_invites WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) AND expires_at <= ?`),
		expire: db.Prepare(`UPDATE tenancy_invites SET expires_at = ? WHERE expires_at > ?`),
		hold:   db.Prepare(hold),
	}
}

// fields are the destinations of the inviteColumns.
func (i *Invite) fields() []any {
	return []any{
		&i.ID, &i.OrganizationID, &i.Email, &i.Role, &i.InvitedByID,
		database.Time(&i.ExpiresAt), database.Time(&i.CreatedAt), database.Time(&i.UpdatedAt),
	}
}

// scanInvite reads the inviteColumns and what follows them.
func scanInvite(row database.Row, doing string, more ...any) (i Invite, err error) {
	err = row.Scan(append(i.fields(), more...)...)
	switch {
	case database.IsNotFound(err):
		return i, apperr.ErrNotFound
	case err != nil:
		return i, fmt.Errorf("tenancy: %s an invitation: %w", doing, err)
	}
	return i, nil
}

// put adds an invitation, or has the one that the address has already say the same under
// the new token; i is what is there then.
func (s *inviteStore) put(ctx context.Context, tx bun.Tx, i *Invite, hash []byte) (err error) {
	*i, err = scanInvite(s.insert.In(tx).QueryRow(ctx, hash, i.ID, i.OrganizationID, i.Email, string(i.Role), i.InvitedByID,
		i.ExpiresAt, i.CreatedAt, i.UpdatedAt), "add")
	return err
}

// renew gives an invitation another token and another end.
func (s *inviteStore) renew(ctx context.Context, tx bun.Tx, organizationID, id string, hash []byte, expires, now time.Time) (Invite, error) {
	return scanInvite(s.update.In(tx).QueryRow(ctx, hash, expires, now, id, organizationID), "renew")
}

// findByEmail returns the invitation that an address has.
func (s *inviteStore) findByEmail(ctx context.Context, tx bun.Tx, organizationID, email string) (Invite, error) {
	return scanInvite(s.byEmail.In(tx).QueryRow(ctx, organizationID, email), "find")
}

// findByToken returns the invitation with the token and the name of its organization.
func (s *inviteStore) findByToken(ctx context.Context, hash []byte) (i Invite, organization string, err error) {
	i, err = scanInvite(s.byToken.QueryRow(ctx, hash), "find", &organization)
	return i, organization, err
}

// cancel removes an invitation.
func (s *inviteStore) cancel(ctx context.Context, tx bun.Tx, organizationID, id string) (Invite, error) {
	return scanInvite(s.remove.In(tx).QueryRow(ctx, id, organizationID), "cancel")
}

// redeem removes the invitation with the token: of all who bring it, one gets it.
func (s *inviteStore) redeem(ctx context.Context, tx bun.Tx, hash []byte) (Invite, error) {
	return scanInvite(s.take.In(tx).QueryRow(ctx, hash), "redeem")
}

// withdraw removes the invitation that an address has, if it has one.
func (s *inviteStore) withdraw(ctx context.Context, tx bun.Tx, organizationID, email string) error {
	if _, err := s.drop.In(tx).Exec(ctx, organizationID, email); err != nil {
		return fmt.Errorf("tenancy: withdraw an invitation: %w", err)
	}
	return nil
}

// withdrawMade removes the invitations to the roles that a user made.
func (s *inviteStore) withdrawMade(ctx context.Context, tx bun.Tx, organizationID, inviterID string, roles []string) error {
	_, err := tx.NewDelete().Table("tenancy_invites").Where("organization_id = ?", organizationID).
		Where("invited_by_id = ?", inviterID).Where("role IN (?)", bun.List(roles)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("tenancy: withdraw the invitations of a member: %w", err)
	}
	return nil
}

// holdOrganization holds an organization that somebody is about to join.
func (s *inviteStore) holdOrganization(ctx context.Context, tx bun.Tx, organizationID string) error {
	var found string
	err := s.hold.In(tx).QueryRow(ctx, organizationID).Scan(&found)
	switch {
	case database.IsNotFound(err):
		return apperr.ErrNotFound
	case err != nil:
		return fmt.Errorf("tenancy: hold an organization: %w", err)
	}
	return nil
}

// page returns up to limit invitations of an organization after the given one, and the role
// of the user who asks. It is [apperr.ErrNotFound] for somebody who is no member.
func (s *inviteStore) page(ctx context.Context, userID, organizationID, after string, limit int) (role Role, list []Invite, err error) {
	if after == "" {
		after = noID
	}
	list = []Invite{}
	err = s.byOrganization.Query(ctx, func(scan func(...any) error) error {
		var i Invite
		var texts [5]sql.NullString
		dest := append([]any{&role}, i.fields()...)
		for k := range texts {
			dest[k+1] = &texts[k]
		}
		if err := scan(dest...); err != nil || !texts[0].Valid {
			return err
		}
		i.ID, i.OrganizationID, i.Email = texts[0].String, texts[1].String, texts[2].String
		i.Role, i.InvitedByID = Role(texts[3].String), texts[4].String
		list = append(list, i)
		return nil
	}, organizationID, after, limit, userID, organizationID)
	switch {
	case err != nil:
		return "", nil, fmt.Errorf("tenancy: list invitations: %w", err)
	case role == "":
		return "", nil, apperr.ErrNotFound
	}
	return role, list, nil
}

// received returns up to limit invitations after the given one that the principal could
// accept.
func (s *inviteStore) received(ctx context.Context, p *authn.Principal, after string, now time.Time, limit int) ([]ReceivedInvite, error) {
	if after == "" {
		after = noID
	}
	list := []ReceivedInvite{}
	err := s.byAddress.Query(ctx, func(scan func(...any) error) error {
		var i Invite
		var name string
		if err := scan(append(i.fields(), &name)...); err != nil {
			return err
		}
		list = append(list, ReceivedInvite{
			ID: i.ID, Email: i.Email, Organization: InvitingOrganization{ID: i.OrganizationID, Name: name}, Role: i.Role,
			ExpiresAt: i.ExpiresAt, CreatedAt: i.CreatedAt,
		})
		return nil
	}, p.Account.Email, after, now, p.UserID, limit)
	if err != nil {
		return nil, fmt.Errorf("tenancy: list a user's invitations: %w", err)
	}
	return list, nil
}

// removeExpired removes up to limit invitations that expired before the time, and returns
// how many.
func (s *inviteStore) removeExpired(ctx context.Context, before time.Time, limit int) (int64, error) {
	res, err := s.prune.Exec(ctx, before, limit, before) // judged again where somebody renewed it meanwhile
	if err != nil {
		return 0, fmt.Errorf("tenancy: remove expired invitations: %w", err)
	}
	return res.RowsAffected()
}

// expireAll ends every invitation that waits.
func (s *inviteStore) expireAll(ctx context.Context, tx bun.Tx, now time.Time) error {
	if _, err := s.expire.In(tx).Exec(ctx, now, now); err != nil {
		return fmt.Errorf("tenancy: end all invitations: %w", err)
	}
	return nil
}
