package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

const (
	columnsAlone = `id, user_id, purpose, email, credential_version, expires_at, created_at`
	columnsOfT   = `t.id, t.user_id, t.purpose, t.email, t.credential_version, t.expires_at, t.created_at`
	columnsOfU   = `u.id, u.email, u.email_verified, u.full_name, u.avatar_url, u.status, u.credential_version,
	u.last_login_at, u.last_login_ip, u.version, u.created_at, u.updated_at, u.second_factor, u.restricted_from`
)

// tokenStore reads and writes identity_tokens. Those of a user change while the user is
// held. It returns sql.ErrNoRows for tokens there are not.
type tokenStore struct {
	insert, byHash, remove, ofUser, ofCredentials, pending *database.Stmt
	prune, all                                             *database.Stmt
}

func newTokenStore(db *database.DB) *tokenStore {
	return &tokenStore{
		insert: db.Prepare(`INSERT INTO identity_tokens (` + columnsAlone + `, token_hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (user_id, purpose) DO UPDATE SET id = excluded.id, email = excluded.email, token_hash = excluded.token_hash,
	credential_version = excluded.credential_version, expires_at = excluded.expires_at, created_at = excluded.created_at`),
		byHash: db.Prepare(`SELECT ` + columnsOfT + `, ` + columnsOfU + ` FROM identity_tokens t
	JOIN identity_users u ON u.id = t.user_id WHERE t.token_hash = ?`),
		remove:        db.Prepare(`DELETE FROM identity_tokens WHERE token_hash = ? AND purpose = ? RETURNING ` + columnsAlone),
		ofUser:        db.Prepare(`DELETE FROM identity_tokens WHERE user_id = ?`),
		ofCredentials: db.Prepare(`DELETE FROM identity_tokens WHERE user_id = ? AND purpose <> '` + string(PurposeVerify) + `'`),
		pending:       db.Prepare(`SELECT email FROM identity_tokens WHERE user_id = ? AND purpose = '` + string(PurposeChange) + `'`),
		prune: db.Prepare(`DELETE FROM identity_tokens WHERE id IN
	(SELECT id FROM identity_tokens WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) AND expires_at <= ?`),
		all: db.Prepare(`DELETE FROM identity_tokens`),
	}
}

func (t *tokenRow) fields() []any {
	return []any{&t.ID, &t.UserID, &t.Purpose, &t.Email, &t.CredentialVersion, database.Time(&t.ExpiresAt), database.Time(&t.CreatedAt)}
}

// put adds a token in the place of the one of its purpose that the user has.
func (s *tokenStore) put(ctx context.Context, tx bun.Tx, t *tokenRow, hash []byte) error {
	_, err := s.insert.In(tx).Exec(ctx, t.ID, t.UserID, string(t.Purpose), t.Email, t.CredentialVersion, t.ExpiresAt, t.CreatedAt, hash)
	if err != nil {
		return fmt.Errorf("identity: keep a token: %w", err)
	}
	return nil
}

// find returns a token, also an expired one, and its user.
func (s *tokenStore) find(ctx context.Context, hash []byte) (t tokenRow, r userRow, err error) {
	err = s.byHash.QueryRow(ctx, hash).Scan(append(t.fields(), r.fields()...)...)
	return t, r, err
}

// take removes a token and returns it.
func (s *tokenStore) take(ctx context.Context, tx bun.Tx, hash []byte, purpose Purpose) (t tokenRow, err error) {
	err = s.remove.In(tx).QueryRow(ctx, hash, string(purpose)).Scan(t.fields()...)
	return t, err
}

// drop removes every token of a user.
func (s *tokenStore) drop(ctx context.Context, tx bun.Tx, userID string) error {
	return s.dropBy(ctx, tx, s.ofUser, userID)
}

// dropCredentials removes the tokens of a user that a change of password ends.
func (s *tokenStore) dropCredentials(ctx context.Context, tx bun.Tx, userID string) error {
	return s.dropBy(ctx, tx, s.ofCredentials, userID)
}

func (*tokenStore) dropBy(ctx context.Context, tx bun.Tx, by *database.Stmt, userID string) error {
	if _, err := by.In(tx).Exec(ctx, userID); err != nil {
		return fmt.Errorf("identity: remove the tokens of a user: %w", err)
	}
	return nil
}

// pendingEmail returns the address that a user wants to change to; empty for none.
func (s *tokenStore) pendingEmail(ctx context.Context, userID string) (email string, err error) {
	if err = s.pending.QueryRow(ctx, userID).Scan(&email); database.IsNotFound(err) {
		return "", nil
	}
	return email, err
}

// removeExpired removes up to limit tokens that expired before the time, and returns how
// many.
func (s *tokenStore) removeExpired(ctx context.Context, before time.Time, limit int) (int64, error) {
	res, err := s.prune.Exec(ctx, before, limit, before)
	if err != nil {
		return 0, fmt.Errorf("identity: remove expired tokens: %w", err)
	}
	return res.RowsAffected()
}

// removeAll removes every token there is.
func (s *tokenStore) removeAll(ctx context.Context, tx bun.Tx) error {
	if _, err := s.all.In(tx).Exec(ctx); err != nil {
		return fmt.Errorf("identity: remove all tokens: %w", err)
	}
	return nil
}
