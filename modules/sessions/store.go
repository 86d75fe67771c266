package sessions

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/invalidation"
)

// store reads and writes sessions_sessions. What runs on every sign-in and every cold
// look-up is a prepared statement; the rest is bun.
type store struct {
	db     *database.DB
	byHash *database.Stmt
	insert *database.Stmt
	stepUp *database.Stmt
	sliding
}

// columns are those of a look-up, in the order of scanRow.
const columns = `id, user_id, status, auth_methods, is_compliance_only, idle_seconds, absolute_expires_at, last_activity_at, authenticated_at, created_at`

func newStore(db *database.DB, log *invalidation.Log) *store {
	return &store{
		db:     db,
		byHash: db.Prepare(`SELECT ` + columns + `, ` + log.StampSQL() + ` FROM sessions_sessions WHERE token_hash = ?`),
		insert: db.Prepare(`INSERT INTO sessions_sessions (id, user_id, token_hash, status, ip_address, user_agent, auth_methods,
	is_compliance_only, remember, idle_seconds, absolute_expires_at, expires_at, last_activity_at, authenticated_at, created_at, updated_at)
VALUES (?, ?, ?, 'ACTIVE', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING ` + log.StampSQL()),
		stepUp: db.Prepare(`UPDATE sessions_sessions SET authenticated_at = ?, auth_methods = ?, updated_at = ?
WHERE id = ? AND user_id = ? AND status = 'ACTIVE' RETURNING token_hash`),
		sliding: newSliding(db),
	}
}

// find returns the session of a token and the stamp of the read, or sql.ErrNoRows.
func (s *store) find(ctx context.Context, h hash) (*row, invalidation.Position, error) {
	r := &row{TokenHash: h[:]}
	var stamp invalidation.Position
	err := s.byHash.QueryRow(ctx, h[:]).Scan(&r.ID, &r.UserID, &r.Status, &r.AuthMethods, &r.ComplianceOnly, &r.IdleSeconds,
		database.Time(&r.Cap), database.Time(&r.LastActivityAt), database.Time(&r.AuthAt), database.Time(&r.CreatedAt), &stamp)
	return r, stamp, err
}

// add inserts a new session and returns the stamp of the statement.
func (s *store) add(ctx context.Context, tx bun.Tx, r *row) (stamp invalidation.Position, err error) {
	err = s.insert.In(tx).QueryRow(ctx, r.ID, r.UserID, r.TokenHash, r.IPAddress, r.UserAgent, r.AuthMethods,
		r.ComplianceOnly, r.Remember, r.IdleSeconds, r.Cap, r.ExpiresAt, r.LastActivityAt, r.AuthAt, r.CreatedAt, r.UpdatedAt).Scan(&stamp)
	return stamp, err
}

// prove notes in an ACTIVE session of a user when and how they proved who they are, and
// returns its token's hash. It is sql.ErrNoRows when there is no such session any more.
func (s *store) prove(ctx context.Context, tx bun.Tx, p *authn.Principal, at time.Time, methods []string) (hash, error) {
	var found []byte
	err := s.stepUp.In(tx).QueryRow(ctx, at, methodsText(methods), at, p.SessionID, p.UserID).Scan(&found)
	return hashOf(found), err
}

// addMethod notes a proof in an ACTIVE session of a user that does not have it.
func (s *store) addMethod(ctx context.Context, tx bun.Tx, id, userID, method string) error {
	_, err := tx.NewUpdate().Table("sessions_sessions").
		Set("auth_methods = CASE WHEN auth_methods = '' THEN ? ELSE auth_methods || ? END", method, ","+method).
		Where("id = ?", id).Where("user_id = ?", userID).Where("status = 'ACTIVE'").
		Where("',' || auth_methods || ',' NOT LIKE ?", "%,"+method+",%").Exec(ctx)
	return err
}

// locked is a session that the transaction holds.
type locked struct {
	ID        string    `bun:"id"`
	Status    Status    `bun:"status"`
	TokenHash []byte    `bun:"token_hash"`
	Cap       time.Time `bun:"absolute_expires_at"`
}

// forUpdate makes a query hold its rows until the transaction ends. SQLite has one
// writer, which the transaction is already.
func (s *store) forUpdate(q *bun.SelectQuery) *bun.SelectQuery {
	if s.db.Dialect() == database.PostgreSQL {
		return q.For("UPDATE")
	}
	return q
}

// holdOne holds a session of a user, whatever its status; it returns none when the user
// has no such session.
func (s *store) holdOne(ctx context.Context, tx bun.Tx, userID, id string) ([]locked, error) {
	var rows []locked
	q := tx.NewSelect().Table("sessions_sessions").Column("id", "status", "token_hash", "absolute_expires_at").
		Where("id = ?", id).Where("user_id = ?", userID)
	return rows, s.forUpdate(q).Scan(ctx, &rows)
}

// holdAll holds the ACTIVE sessions of a user except one, in the order of their ids.
func (s *store) holdAll(ctx context.Context, tx bun.Tx, userID, except string) ([]locked, error) {
	var rows []locked
	q := tx.NewSelect().Table("sessions_sessions").Column("id", "status", "token_hash", "absolute_expires_at").
		Where("user_id = ?", userID).Where("status = 'ACTIVE'").Order("id")
	if except != "" {
		q = q.Where("id <> ?", except)
	}
	return rows, s.forUpdate(q).Scan(ctx, &rows)
}

// activeHashes returns the token hashes of the ACTIVE sessions of users.
func (s *store) activeHashes(ctx context.Context, tx bun.Tx, userIDs []string) ([]hash, error) {
	var found [][]byte
	err := tx.NewSelect().Table("sessions_sessions").Column("token_hash").
		Where("user_id IN (?)", bun.List(userIDs)).Where("status = 'ACTIVE'").Scan(ctx, &found)
	hashes := make([]hash, len(found))
	for i, h := range found {
		copy(hashes[i][:], h)
	}
	return hashes, err
}

// lift makes the ACTIVE sessions of users whole that may only be used to enroll a factor.
func (s *store) lift(ctx context.Context, tx bun.Tx, userIDs []string) error {
	_, err := tx.NewUpdate().Table("sessions_sessions").Set("is_compliance_only = FALSE").
		Where("user_id IN (?)", bun.List(userIDs)).Where("is_compliance_only").Where("status = 'ACTIVE'").Exec(ctx)
	return err
}

// revoke marks held sessions REVOKED.
func (s *store) revoke(ctx context.Context, tx bun.Tx, ids []string, at time.Time, reason string) error {
	_, err := tx.NewUpdate().Table("sessions_sessions").
		Set("status = 'REVOKED'").Set("revoked_at = ?", at).Set("revoked_reason = ?", reason).Set("updated_at = ?", at).
		Where("id IN (?)", bun.List(ids)).Where("status = 'ACTIVE'").Exec(ctx)
	return err
}

// finish marks an ACTIVE session REVOKED and reports whether it was ACTIVE.
func (s *store) finish(ctx context.Context, tx bun.Tx, id string, at time.Time) (bool, error) {
	res, err := tx.NewUpdate().Table("sessions_sessions").
		Set("status = 'REVOKED'").Set("revoked_at = ?", at).Set("revoked_reason = ?", ReasonFinished).Set("updated_at = ?", at).
		Where("id = ?", id).Where("status = 'ACTIVE'").Exec(ctx)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// remove deletes every session of a user.
func (s *store) remove(ctx context.Context, tx bun.Tx, userID string) error {
	_, err := tx.NewDelete().Table("sessions_sessions").Where("user_id = ?", userID).Exec(ctx)
	return err
}

// page returns up to limit ACTIVE sessions of a user that were not past their deadline
// at now, newest first, those older than before.
func (s *store) page(ctx context.Context, userID, before string, now time.Time, limit int) ([]row, error) {
	var rows []row
	q := s.db.Read().NewSelect().Model(&rows).Where("user_id = ?", userID).
		Where("status = 'ACTIVE'").Where("expires_at > ?", now).Order("id DESC").Limit(int64(limit))
	if before != "" {
		q = q.Where("id < ?", before)
	}
	return rows, q.Scan(ctx)
}

// history returns up to limit sessions of a user whatever their status, newest first.
func (s *store) history(ctx context.Context, userID, before string, limit int) ([]row, error) {
	var rows []row
	q := s.db.Read().NewSelect().Model(&rows).Where("user_id = ?", userID).Order("id DESC").Limit(int64(limit))
	if before != "" {
		q = q.Where("id < ?", before)
	}
	return rows, q.Scan(ctx)
}

// expire marks up to limit ACTIVE sessions EXPIRED whose deadline is before the given
// time and returns how many it marked. Sessions that another transaction holds are left
// to the next run.
func (s *store) expire(ctx context.Context, before, at time.Time, limit int) (int64, error) {
	return s.endSome(ctx, Expired, "", at, limit, func(q *bun.SelectQuery) *bun.SelectQuery {
		q = q.Where("expires_at <= ?", before).Order("expires_at")
		if s.db.Dialect() == database.PostgreSQL {
			q = q.For("UPDATE SKIP LOCKED")
		}
		return q
	})
}

// revokeSome marks up to limit ACTIVE sessions REVOKED and returns how many it marked;
// none means that there are none. It waits for whoever holds one.
func (s *store) revokeSome(ctx context.Context, at time.Time, reason string, limit int) (int64, error) {
	return s.endSome(ctx, Revoked, reason, at, limit, func(q *bun.SelectQuery) *bun.SelectQuery {
		return s.forUpdate(q.Order("id"))
	})
}

// endSome ends a batch of ACTIVE sessions.
func (s *store) endSome(ctx context.Context, status Status, reason string, at time.Time, limit int,
	choose func(*bun.SelectQuery) *bun.SelectQuery,
) (n int64, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		chosen := choose(tx.NewSelect().Table("sessions_sessions").Column("id").Where("status = 'ACTIVE'").Limit(int64(limit)))
		q := tx.NewUpdate().Table("sessions_sessions").Set("status = ?", status).Set("updated_at = ?", at).Where("id IN (?)", chosen)
		if status == Revoked {
			q = q.Set("revoked_at = ?", at).Set("revoked_reason = ?", reason)
		}
		res, err := q.Exec(ctx)
		if err != nil {
			return fmt.Errorf("sessions: mark %s: %w", status, err)
		}
		n, err = res.RowsAffected()
		return err
	})
	return n, err
}

// newRow returns the row of a session that begins at now.
func newRow(id string, h hash, a authn.Attempt, own LimitRules, now time.Time) *row {
	end := now.Add(own.Absolute)
	ip := ""
	if a.Client.Address.IsValid() {
		ip = a.Client.Address.Unmap().WithZone("").String()
	}
	return &row{
		ID: id, UserID: a.Account.UserID, TokenHash: h[:], Status: Active,
		IPAddress: optional(ip), UserAgent: optional(bounded(a.Client.UserAgent, maxUserAgent)),
		AuthMethods: methodsText(a.Methods), Remember: a.Remember,
		IdleSeconds: int64(own.Idle / time.Second), Cap: end, ExpiresAt: deadline(now, own.Idle, end),
		LastActivityAt: now, AuthAt: now, CreatedAt: now, UpdatedAt: now,
	}
}
