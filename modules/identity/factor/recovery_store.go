package factor

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// recoveryStore reads and writes identity_recovery_codes, while the user is held.
type recoveryStore struct {
	insert, use, ofUser, count *database.Stmt
}

func newRecoveryStore(db *database.DB) *recoveryStore {
	return &recoveryStore{
		insert: db.Prepare(`INSERT INTO identity_recovery_codes (user_id, code_hash, created_at) VALUES (?, ?, ?)`),
		// Codes of an app that was never verified open nothing.
		use: db.Prepare(`DELETE FROM identity_recovery_codes WHERE user_id = ? AND code_hash = ?
	AND EXISTS (SELECT 1 FROM identity_totp t WHERE t.user_id = identity_recovery_codes.user_id AND t.verified_at IS NOT NULL)`),
		ofUser: db.Prepare(`DELETE FROM identity_recovery_codes WHERE user_id = ?`),
		count:  db.Prepare(`SELECT count(*) FROM identity_recovery_codes WHERE user_id = ?`),
	}
}

// replace gives a user these codes and no others.
func (s *recoveryStore) replace(ctx context.Context, tx bun.Tx, userID string, hashes [][]byte, at time.Time) error {
	if err := s.drop(ctx, tx, userID); err != nil {
		return err
	}
	for _, hash := range hashes {
		if _, err := s.insert.In(tx).Exec(ctx, userID, hash, at); err != nil {
			return fmt.Errorf("factor: keep recovery codes: %w", err)
		}
	}
	return nil
}

// spend takes a code: of many callers one succeeds.
func (s *recoveryStore) spend(ctx context.Context, tx bun.Tx, userID string, hashes [][]byte) (bool, error) {
	for _, hash := range hashes {
		if ok, err := changed(s.use.In(tx).Exec(ctx, userID, hash)); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// left is how many codes a user has.
func (s *recoveryStore) left(ctx context.Context, tx bun.Tx, userID string) (n int64, err error) {
	err = s.count.In(tx).QueryRow(ctx, userID).Scan(&n)
	return n, err
}

// drop removes the codes of a user.
func (s *recoveryStore) drop(ctx context.Context, tx bun.Tx, userID string) error {
	if _, err := s.ofUser.In(tx).Exec(ctx, userID); err != nil {
		return fmt.Errorf("factor: remove recovery codes: %w", err)
	}
	return nil
}
