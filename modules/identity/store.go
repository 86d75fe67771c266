package identity

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// columns are those of a userRow, in the order of its fields.
const columns = `id, email, email_verified, full_name, avatar_url, status, credential_version,
	last_login_at, last_login_ip, version, created_at, updated_at, second_factor, restricted_from`

// emailKey is the constraint that makes addresses unique.
const emailKey = "identity_users_email_key"

// store reads and writes identity_users and identity_deletions. What runs on sign-ins and
// cold look-ups is a prepared statement. It returns sql.ErrNoRows for users there are not.
type store struct {
	db *database.DB

	byEmail, byID, credentialByID       *database.Stmt
	heldByEmail, setEmail, recovery     *database.Stmt
	hold, holdAlone, keep               *database.Stmt
	page, person, deleted               *database.Stmt
	insert, signIn, setPassword, rehash *database.Stmt
	setProfile, setStatus, raiseVersion *database.Stmt
	remove, mark                        *database.Stmt
}

func newStore(db *database.DB) *store {
	hold := `SELECT ` + columns + `, coalesce(password_hash, '') FROM identity_users WHERE id = ?`
	holdAlone, keep := hold, `SELECT id FROM identity_users WHERE id = ?`
	heldByEmail := `SELECT ` + columns + `, coalesce(password_hash, '') FROM identity_users WHERE email = ?`
	if db.Dialect() == database.PostgreSQL {
		hold += ` FOR NO KEY UPDATE`
		heldByEmail += ` FOR NO KEY UPDATE`
		holdAlone += ` FOR UPDATE`
		keep += ` FOR KEY SHARE`
	}
	return &store{
		db:             db,
		byEmail:        db.Prepare(`SELECT ` + columns + `, coalesce(password_hash, '') FROM identity_users WHERE email = ?`),
		byID:           db.Prepare(`SELECT ` + columns + ` FROM identity_users WHERE id = ?`),
		credentialByID: db.Prepare(`SELECT ` + columns + `, coalesce(password_hash, '') FROM identity_users WHERE id = ?`),
		hold:           db.Prepare(hold),
		heldByEmail:    db.Prepare(heldByEmail),
		holdAlone:      db.Prepare(holdAlone),
		keep:           db.Prepare(keep),
		person:         db.Prepare(`SELECT ` + personColumns + ` FROM identity_users WHERE email = ?`),
		deleted: db.Prepare(`SELECT deleted_at, user_id FROM identity_deletions WHERE (deleted_at, user_id) > (?, ?)
	ORDER BY deleted_at, user_id LIMIT ?`),
		page: db.Prepare(`SELECT ` + columns + ` FROM identity_users WHERE id > ? ORDER BY id LIMIT ?`),
		insert: db.Prepare(`INSERT INTO identity_users (id, email, full_name, status, password_hash, password_changed_at,
	email_verified, verification_due_at, credential_version, version, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 1, ?, ?)`),
		signIn: db.Prepare(`UPDATE identity_users SET last_login_at = ?, last_login_ip = ? WHERE id = ? RETURNING ` + columns),
		setPassword: db.Prepare(`UPDATE identity_users SET password_hash = ?, password_changed_at = ?,
	credential_version = credential_version + 1 WHERE id = ? AND credential_version = ?`),
		recovery: db.Prepare(`UPDATE identity_users SET password_hash = ?, password_changed_at = ?, credential_version = credential_version + 1,
	version = CASE WHEN email_verified THEN version ELSE version + 1 END,
	updated_at = CASE WHEN email_verified THEN updated_at ELSE ? END, email_verified = TRUE, verification_due_at = NULL
	WHERE id = ? AND credential_version = ?`),
		setEmail: db.Prepare(`UPDATE identity_users SET email = ?, email_verified = TRUE, verification_due_at = NULL, version = version + 1,
	updated_at = ? WHERE id = ? RETURNING ` + columns),
		rehash: db.Prepare(`UPDATE identity_users SET password_hash = ? WHERE id = ? AND password_hash = ?`),
		setProfile: db.Prepare(`UPDATE identity_users SET full_name = ?, avatar_url = ?, version = version + 1, updated_at = ?
	WHERE id = ? RETURNING ` + columns),
		setStatus: db.Prepare(`UPDATE identity_users SET status = ?, version = version + 1, updated_at = ?
	WHERE id = ? RETURNING ` + columns),
		raiseVersion: db.Prepare(`UPDATE identity_users SET credential_version = credential_version + 1, second_factor = ? WHERE id = ?`),
		remove:       db.Prepare(`DELETE FROM identity_users WHERE id = ?`),
		mark:         db.Prepare(`INSERT INTO identity_deletions (user_id, deleted_at) VALUES (?, ?)`),
	}
}

// fields are the destinations of the columns.
func (r *userRow) fields() []any {
	return []any{
		&r.ID, &r.Email, &r.EmailVerified, &r.FullName, &r.AvatarURL, &r.Status, &r.CredentialVersion,
		database.Time(&r.LastLoginAt), &r.LastLoginIP, &r.Version, database.Time(&r.CreatedAt), database.Time(&r.UpdatedAt),
		&r.SecondFactor, database.Time(&r.RestrictedFrom),
	}
}

// scanUser reads the columns of a userRow and what follows them.
func scanUser(row database.Row, r *userRow, more ...any) error {
	return row.Scan(append(r.fields(), more...)...)
}

// noID sorts before every identifier.
const noID = "00000000-0000-0000-0000-000000000000"

// list returns up to limit users after the given one.
func (s *store) list(ctx context.Context, after string, limit int) ([]userRow, error) {
	if after == "" {
		after = noID
	}
	var rows []userRow
	err := s.page.Query(ctx, func(scan func(...any) error) error {
		var r userRow
		if err := scan(r.fields()...); err != nil {
			return err
		}
		rows = append(rows, r)
		return nil
	}, after, limit)
	return rows, err
}

// findByEmail returns the user with the address.
func (s *store) findByEmail(ctx context.Context, email string) (credential, error) {
	var c credential
	err := scanUser(s.byEmail.QueryRow(ctx, email), &c.userRow, &c.hash)
	return c, err
}

// find returns a user.
func (s *store) find(ctx context.Context, id string) (userRow, error) {
	var r userRow
	err := scanUser(s.byID.QueryRow(ctx, id), &r)
	return r, err
}

// findCredential returns a user with their password.
func (s *store) findCredential(ctx context.Context, id string) (credential, error) {
	var c credential
	err := scanUser(s.credentialByID.QueryRow(ctx, id), &c.userRow, &c.hash)
	return c, err
}

// holdUser returns a user and holds the row until tx ends: nobody else signs them in,
// changes or deletes them meanwhile. Whoever keeps them from being deleted does not wait.
func (s *store) holdUser(ctx context.Context, tx bun.Tx, id string) (credential, error) {
	return s.held(ctx, tx, s.hold, id)
}

// holdByEmail holds the user with the address like holdUser.
func (s *store) holdByEmail(ctx context.Context, tx bun.Tx, email string) (credential, error) {
	return s.held(ctx, tx, s.heldByEmail, email)
}

// holdDoomed holds a user who is to be deleted: it waits for everybody who keeps them, and
// whoever would keep them waits.
func (s *store) holdDoomed(ctx context.Context, tx bun.Tx, id string) (credential, error) {
	return s.held(ctx, tx, s.holdAlone, id)
}

func (s *store) held(ctx context.Context, tx bun.Tx, hold *database.Stmt, name string) (credential, error) {
	var c credential
	err := scanUser(hold.In(tx).QueryRow(ctx, name), &c.userRow, &c.hash)
	return c, err
}

// add inserts a user. A taken address is [ErrEmailTaken].
func (s *store) add(ctx context.Context, tx bun.Tx, r *userRow, hash string) error {
	_, err := s.insert.In(tx).Exec(ctx, r.ID, r.Email, r.FullName, r.Status, hash, r.CreatedAt, r.EmailVerified,
		r.VerificationDueAt, r.CreatedAt, r.UpdatedAt)
	if database.IsUnique(err, emailKey) {
		return ErrEmailTaken
	}
	if err != nil {
		return fmt.Errorf("identity: add a user: %w", err)
	}
	return nil
}

// recordSignIn notes a sign-in and holds the user.
func (s *store) recordSignIn(ctx context.Context, tx bun.Tx, id string, at time.Time, ip *string) (userRow, error) {
	var r userRow
	err := scanUser(s.signIn.In(tx).QueryRow(ctx, at, ip, id), &r)
	return r, err
}

// changePassword replaces the password that was read under the credential version. It
// reports false when the user is gone or the credentials have changed since.
func (s *store) changePassword(ctx context.Context, tx bun.Tx, id string, version int64, hash string, at time.Time) (bool, error) {
	return changed(s.setPassword.In(tx).Exec(ctx, hash, at, id, version))
}

// recoverPassword replaces the password of whoever had the account under the credential
// version, whose address counts as verified then.
func (s *store) recoverPassword(ctx context.Context, tx bun.Tx, id string, version int64, hash string, at time.Time) (bool, error) {
	return changed(s.recovery.In(tx).Exec(ctx, hash, at, at, id, version))
}

// changeEmail gives a user, who is held, a verified address, which may be the one they have.
func (s *store) changeEmail(ctx context.Context, tx bun.Tx, id, email string, at time.Time) (userRow, error) {
	var r userRow
	err := scanUser(s.setEmail.In(tx).QueryRow(ctx, email, at, id), &r)
	return r, err
}

// replaceHash replaces the stored form of an unchanged password.
func (s *store) replaceHash(ctx context.Context, tx bun.Tx, id, old, hash string) (bool, error) {
	return changed(s.rehash.In(tx).Exec(ctx, hash, id, old))
}

// changeProfile sets name and picture of a user who is held.
func (s *store) changeProfile(ctx context.Context, tx bun.Tx, id string, fullName, avatarURL *string, at time.Time) (userRow, error) {
	var r userRow
	err := scanUser(s.setProfile.In(tx).QueryRow(ctx, fullName, avatarURL, at, id), &r)
	return r, err
}

// changeStatus sets the status of a user who is held.
func (s *store) changeStatus(ctx context.Context, tx bun.Tx, id string, status Status, at time.Time) (userRow, error) {
	var r userRow
	err := scanUser(s.setStatus.In(tx).QueryRow(ctx, status, at, id), &r)
	return r, err
}

// raise makes every proof of a user, who is held, worth nothing that was judged before, and
// notes whether they have a second factor.
func (s *store) raise(ctx context.Context, tx bun.Tx, id string, secondFactor bool) error {
	_, err := s.raiseVersion.In(tx).Exec(ctx, secondFactor, id)
	return err
}

// delete removes a user who is held and leaves the mark by which modules that were off
// learn of it.
func (s *store) delete(ctx context.Context, tx bun.Tx, id string, at time.Time) error {
	if _, err := s.remove.In(tx).Exec(ctx, id); err != nil {
		return fmt.Errorf("identity: remove a user: %w", err)
	}
	if _, err := s.mark.In(tx).Exec(ctx, id, at); err != nil {
		return fmt.Errorf("identity: mark a deletion: %w", err)
	}
	return nil
}

// changed reports whether a statement changed a row.
func changed(res sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n > 0, err
}
