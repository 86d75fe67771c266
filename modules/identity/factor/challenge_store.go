package factor

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

const challengeColumns = `token_hash, id, coalesce(CAST(user_id AS TEXT), ''), purpose, flow, methods, offered, remember,
	credential_version, guesses, data, expires_at`

// challengeStore reads and writes identity_challenges. It returns sql.ErrNoRows for
// challenges there are not.
type challengeStore struct {
	insert, byHash, count, remove, prune *database.Stmt
}

func newChallengeStore(db *database.DB) *challengeStore {
	return &challengeStore{
		insert: db.Prepare(`INSERT INTO identity_challenges (token_hash, id, user_id, purpose, flow, methods, offered, remember,
	credential_version, guesses, data, expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)`),
		byHash: db.Prepare(`SELECT ` + challengeColumns + ` FROM identity_challenges
	WHERE token_hash = ? AND purpose = ? AND guesses < ? AND expires_at > ?`),
		count: db.Prepare(`UPDATE identity_challenges SET guesses = guesses + 1
	WHERE token_hash = ? AND purpose = ? AND guesses < ? AND expires_at > ? RETURNING ` + challengeColumns),
		remove: db.Prepare(`DELETE FROM identity_challenges WHERE token_hash = ? AND expires_at > ?`),
		prune: db.Prepare(`DELETE FROM identity_challenges WHERE token_hash IN
	(SELECT token_hash FROM identity_challenges WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`),
	}
}

// add inserts a challenge.
func (s *challengeStore) add(ctx context.Context, tx bun.Tx, c *Challenge, at time.Time) error {
	var user *string
	if c.UserID != "" {
		user = &c.UserID
	}
	_, err := s.insert.In(tx).Exec(ctx, c.hash, c.ID, user, string(c.Purpose), string(c.Flow), join(c.Methods), join(c.Offered),
		c.Remember, c.CredentialVersion, c.Data, c.ExpiresAt, at)
	return err
}

// find returns a challenge that may be guessed at.
func (s *challengeStore) find(ctx context.Context, hash []byte, purpose Purpose, now time.Time) (Challenge, error) {
	return scanChallenge(s.byHash.QueryRow(ctx, hash, string(purpose), maxGuesses, now))
}

// guess counts a guess.
func (s *challengeStore) guess(ctx context.Context, tx bun.Tx, hash []byte, purpose Purpose, now time.Time) (Challenge, error) {
	return scanChallenge(s.count.In(tx).QueryRow(ctx, hash, string(purpose), maxGuesses, now))
}

// take removes a challenge that is not over, and reports whether it was there.
func (s *challengeStore) take(ctx context.Context, tx bun.Tx, hash []byte, now time.Time) (bool, error) {
	return changed(s.remove.In(tx).Exec(ctx, hash, now))
}

func scanChallenge(row database.Row) (Challenge, error) {
	var c Challenge
	var methods, offered string
	err := row.Scan(&c.hash, &c.ID, &c.UserID, &c.Purpose, &c.Flow, &methods, &offered, &c.Remember,
		&c.CredentialVersion, &c.Guesses, &c.Data, database.Time(&c.ExpiresAt))
	c.Methods, c.Offered = split(methods), split(offered)
	return c, err
}

// join and split keep lists of methods, which hold no space.
func join(methods []string) string { return strings.Join(methods, " ") }

func split(methods string) []string { return strings.Fields(methods) }

// changed reports whether a statement changed a row.
func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
