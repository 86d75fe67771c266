package factor

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// app is a row of identity_totp. Its secret is sealed.
type app struct {
	secret     []byte
	lastStep   int64
	verifiedAt time.Time // zero: not yet
}

// totpStore reads and writes identity_totp, while the user is held. It returns
// sql.ErrNoRows for apps there are not.
type totpStore struct {
	put, find, confirm, use, remove, status *database.Stmt
}

func newTOTPStore(db *database.DB) *totpStore {
	return &totpStore{
		put: db.Prepare(`INSERT INTO identity_totp (user_id, secret, last_step, verified_at, created_at) VALUES (?, ?, 0, NULL, ?)
	ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, last_step = 0, created_at = excluded.created_at
	WHERE identity_totp.verified_at IS NULL`),
		find:    db.Prepare(`SELECT secret, last_step, verified_at FROM identity_totp WHERE user_id = ?`),
		confirm: db.Prepare(`UPDATE identity_totp SET verified_at = ?, last_step = ? WHERE user_id = ? AND verified_at IS NULL AND last_step < ?`),
		use:     db.Prepare(`UPDATE identity_totp SET last_step = ? WHERE user_id = ? AND verified_at IS NOT NULL AND last_step < ? RETURNING last_step`),
		remove:  db.Prepare(`DELETE FROM identity_totp WHERE user_id = ? AND verified_at IS NOT NULL`),
		status: db.Prepare(`SELECT t.verified_at, (SELECT count(*) FROM identity_recovery_codes c WHERE c.user_id = t.user_id)
	FROM identity_totp t WHERE t.user_id = ? AND t.verified_at IS NOT NULL`),
	}
}

// enroll stores a new app in the place of one that was not verified. It reports false when
// there is a verified one.
func (s *totpStore) enroll(ctx context.Context, tx bun.Tx, userID string, sealed []byte, at time.Time) (bool, error) {
	return changed(s.put.In(tx).Exec(ctx, userID, sealed, at))
}

// of returns the app of a user.
func (s *totpStore) of(ctx context.Context, tx bun.Tx, userID string) (a app, err error) {
	err = s.find.In(tx).QueryRow(ctx, userID).Scan(&a.secret, &a.lastStep, database.Time(&a.verifiedAt))
	return a, err
}

// verify makes the app one that is asked for, with the step that showed it.
func (s *totpStore) verify(ctx context.Context, tx bun.Tx, userID string, step int64, at time.Time) (bool, error) {
	return changed(s.confirm.In(tx).Exec(ctx, at, step, userID, step))
}

// spend takes a step: of many callers one succeeds, and no step before it can be taken any
// more.
func (s *totpStore) spend(ctx context.Context, tx bun.Tx, userID string, step int64) (bool, error) {
	var taken int64
	err := s.use.In(tx).QueryRow(ctx, step, userID, step).Scan(&taken)
	if database.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// drop removes a verified app, and reports whether there was one.
func (s *totpStore) drop(ctx context.Context, tx bun.Tx, userID string) (bool, error) {
	return changed(s.remove.In(tx).Exec(ctx, userID))
}

// state returns since when a user has an app, and how many recovery codes; the zero time for
// users who have none.
func (s *totpStore) state(ctx context.Context, userID string) (verified time.Time, codes int64, err error) {
	err = s.status.QueryRow(ctx, userID).Scan(database.Time(&verified), &codes)
	if database.IsNotFound(err) {
		return time.Time{}, 0, nil
	}
	return verified, codes, err
}
