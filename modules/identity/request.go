package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// requestRow is a row of identity_mail_requests.
type requestRow struct {
	ID        string
	Purpose   Purpose
	Sealed    []byte
	CreatedAt time.Time
}

// bound is what the sealed part belongs to.
func (r *requestRow) bound() []byte { return []byte(string(r.Purpose) + "\x00" + r.ID) }

// requestStore reads and writes the requests for mail, and the registrations whose first
// mail is due. It returns sql.ErrNoRows for what somebody else took.
type requestStore struct {
	insert, page, remove, prune *database.Stmt
	due, claim                  *database.Stmt
}

func newRequestStore(db *database.DB) *requestStore {
	return &requestStore{
		insert: db.Prepare(`INSERT INTO identity_mail_requests (id, purpose, sealed, created_at) VALUES (?, ?, ?, ?)`),
		page:   db.Prepare(`SELECT id FROM identity_mail_requests WHERE id > ? ORDER BY id LIMIT ?`),
		remove: db.Prepare(`DELETE FROM identity_mail_requests WHERE id = ? RETURNING id, purpose, sealed, created_at`),
		prune:  db.Prepare(`DELETE FROM identity_mail_requests WHERE created_at <= ?`),
		due:    db.Prepare(`SELECT id FROM identity_users WHERE verification_due_at IS NOT NULL AND id > ? ORDER BY id LIMIT ?`),
		claim: db.Prepare(`UPDATE identity_users SET verification_due_at = NULL WHERE id = ? AND verification_due_at IS NOT NULL
	RETURNING ` + columns),
	}
}

func (s *requestStore) add(ctx context.Context, tx bun.Tx, r *requestRow) error {
	if _, err := s.insert.In(tx).Exec(ctx, r.ID, string(r.Purpose), r.Sealed, r.CreatedAt); err != nil {
		return fmt.Errorf("identity: keep a request for mail: %w", err)
	}
	return nil
}

// ids reads up to limit ids after the given one.
func (*requestStore) ids(ctx context.Context, page *database.Stmt, after string, limit int) (ids []string, err error) {
	err = page.Query(ctx, func(scan func(...any) error) error {
		var id string
		if err := scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
		return nil
	}, after, limit)
	return ids, err
}

// take removes a request and returns it.
func (s *requestStore) take(ctx context.Context, tx bun.Tx, id string) (r requestRow, err error) {
	err = s.remove.In(tx).QueryRow(ctx, id).Scan(&r.ID, &r.Purpose, &r.Sealed, database.Time(&r.CreatedAt))
	return r, err
}

// claimVerification holds a user whose first mail is due, which it is not any more then.
func (s *requestStore) claimVerification(ctx context.Context, tx bun.Tx, userID string) (r userRow, err error) {
	err = scanUser(s.claim.In(tx).QueryRow(ctx, userID), &r)
	return r, err
}

// removeOld removes the requests from before the time, and returns how many.
func (s *requestStore) removeOld(ctx context.Context, before time.Time) (int64, error) {
	res, err := s.prune.Exec(ctx, before)
	if err != nil {
		return 0, fmt.Errorf("identity: remove old requests for mail: %w", err)
	}
	return res.RowsAffected()
}
