package compliance

import (
	"context"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// memberRow is a row of identity_mfa_members as it is written.
type memberRow struct {
	bun.BaseModel `bun:"table:identity_mfa_members,alias:m"`

	OrganizationID    string
	UserID            string
	OverrideMode      string
	ForceTOTP         bool `bun:"force_totp"`
	ForceWebAuthn     bool `bun:"force_webauthn"`
	EffectiveMode     string
	Status            string
	PolicyVersion     int64
	AppliedAt         *time.Time
	DeadlineAt        *time.Time
	CompliantAt       *time.Time
	SuspendedAt       *time.Time
	LastNotifiedAt    *time.Time
	NotificationCount int64
	CreatedAt         time.Time
}

// memberColumns are those of a Row m, in the order of its fields.
const memberColumns = `m.organization_id, m.user_id, m.override_mode, m.force_totp, m.force_webauthn, m.effective_mode, m.status,
	m.policy_version, m.applied_at, m.deadline_at, m.compliant_at, m.suspended_at, m.last_notified_at, m.notification_count, m.created_at`

// pair names a row. It sorts by the user first, which is the order in which users are held.
type pair struct{ user, organization string }

// noID sorts before every identifier.
const noID = "00000000-0000-0000-0000-000000000000"

// memberStore reads and writes identity_mfa_members.
type memberStore struct {
	usersOf, rowsOf, page     *database.Stmt
	exported                  *database.Stmt
	due, outdated, remindable *database.Stmt
}

// shownStatus is the status of a row m under a policy p, as [Row.Shown] has it. Its argument
// is the instant.
const shownStatus = `CASE WHEN m.status = 'suspended' THEN 'suspended' WHEN m.status = 'in_grace' AND m.deadline_at <= ? THEN 'past_due'
	WHEN m.policy_version <> coalesce(p.version, 0) THEN 'pending' ELSE m.status END`

func newMemberStore(db *database.DB) *memberStore {
	const (
		from = ` FROM identity_mfa_members m LEFT JOIN identity_mfa_policies p ON p.organization_id = m.organization_id`
		next = ` AND (m.user_id, m.organization_id) > (?, ?) ORDER BY m.user_id, m.organization_id LIMIT ?`
	)
	return &memberStore{
		usersOf:  db.Prepare(`SELECT user_id FROM identity_mfa_members WHERE organization_id = ? AND user_id > ? ORDER BY user_id LIMIT ?`),
		rowsOf:   db.Prepare(`SELECT ` + memberColumns + ` FROM identity_mfa_members m WHERE m.organization_id = ? AND m.user_id > ? ORDER BY m.user_id LIMIT ?`),
		exported: db.Prepare(`SELECT ` + memberColumns + ` FROM identity_mfa_members m WHERE m.user_id = ? ORDER BY m.created_at, m.organization_id`),
		due: db.Prepare(`SELECT m.user_id, m.organization_id FROM identity_mfa_members m
	WHERE m.status = 'in_grace' AND m.deadline_at <= ?` + next),
		outdated: db.Prepare(`SELECT m.user_id, m.organization_id` + from + ` WHERE m.policy_version <> coalesce(p.version, 0)` + next),
		remindable: db.Prepare(`SELECT m.user_id, m.organization_id` + from + ` WHERE m.status = 'in_grace' AND m.deadline_at > ? AND m.deadline_at <= ?
	AND (m.last_notified_at IS NULL OR m.last_notified_at <= ?) AND coalesce(p.notify_days, ?) = ?` + next),
		page: db.Prepare(`SELECT x.user_id, x.shown, x.deadline_at, x.applied_at, x.compliant_at, x.suspended_at, x.notification_count
	FROM (SELECT m.*, ` + shownStatus + ` AS shown` + from + ` WHERE m.organization_id = ?) x
	WHERE (CAST(? AS TEXT) = '' OR x.shown = ?) ORDER BY x.created_at DESC, x.user_id DESC LIMIT ? OFFSET ?`),
	}
}

// instant is a destination for a time that may be missing.
type instant struct{ into **time.Time }

// Scan reads a time, its text, or NULL.
func (i instant) Scan(src any) error {
	var t time.Time
	if err := database.Time(&t).Scan(src); err != nil {
		return err
	}
	if *i.into = nil; !t.IsZero() {
		*i.into = &t
	}
	return nil
}

// fields are the destinations of the memberColumns.
func (r *Row) fields() []any {
	return []any{
		&r.OrganizationID, &r.UserID, &r.Override.Mode, &r.Override.ForceTOTP, &r.Override.ForceWebAuthn, &r.EffectiveMode, &r.Status,
		&r.PolicyVersion,
		instant{&r.AppliedAt},
		instant{&r.DeadlineAt},
		instant{&r.CompliantAt},
		instant{&r.SuspendedAt},
		instant{&r.LastNotifiedAt},
		&r.NotificationCount, database.Time(&r.CreatedAt),
	}
}

// ofUsers returns every row of the users.
func (s *memberStore) ofUsers(ctx context.Context, tx bun.Tx, userIDs []string) (map[pair]Row, error) {
	found := map[pair]Row{}
	if len(userIDs) == 0 {
		return found, nil
	}
	rows, err := tx.NewSelect().TableExpr("identity_mfa_members AS m").ColumnExpr(memberColumns).Where("m.user_id IN (?)", bun.List(userIDs)).Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("compliance: find members: %w", database.Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		var r Row
		if err := rows.Scan(r.fields()...); err != nil {
			return nil, fmt.Errorf("compliance: read a member: %w", database.Translate(err))
		}
		found[r.pair()] = r
	}
	return found, database.Translate(rows.Err())
}

func (r Row) pair() pair { return pair{user: r.UserID, organization: r.OrganizationID} }

// put writes rows, new ones and such that there are.
func (s *memberStore) put(ctx context.Context, tx bun.Tx, list []Row) error {
	if len(list) == 0 {
		return nil
	}
	rows := make([]memberRow, len(list))
	for i, r := range list {
		o := r.Override.normal()
		rows[i] = memberRow{
			OrganizationID: r.OrganizationID, UserID: r.UserID, OverrideMode: string(o.Mode), ForceTOTP: o.ForceTOTP, ForceWebAuthn: o.ForceWebAuthn,
			EffectiveMode: string(r.EffectiveMode), Status: string(r.Status), PolicyVersion: r.PolicyVersion, AppliedAt: r.AppliedAt,
			DeadlineAt: r.DeadlineAt, CompliantAt: r.CompliantAt, SuspendedAt: r.SuspendedAt, LastNotifiedAt: r.LastNotifiedAt,
			NotificationCount: r.NotificationCount, CreatedAt: r.CreatedAt,
		}
	}
	q := tx.NewInsert().Model(&rows).On("CONFLICT (organization_id, user_id) DO UPDATE")
	for _, set := range []string{
		"override_mode = excluded.override_mode", "force_totp = excluded.force_totp", "force_webauthn = excluded.force_webauthn",
		"effective_mode = excluded.effective_mode", "status = excluded.status", "policy_version = excluded.policy_version",
		"applied_at = excluded.applied_at", "deadline_at = excluded.deadline_at", "compliant_at = excluded.compliant_at",
		"suspended_at = excluded.suspended_at", "last_notified_at = excluded.last_notified_at",
		"notification_count = excluded.notification_count",
	} {
		q = q.Set(set)
	}
	if _, err := q.Exec(ctx); err != nil {
		return fmt.Errorf("compliance: write members: %w", database.Translate(err))
	}
	return nil
}

// remove removes the rows of users in one organization.
func (s *memberStore) remove(ctx context.Context, tx bun.Tx, organizationID string, userIDs []string) error {
	_, err := tx.NewDelete().Model((*memberRow)(nil)).Where("organization_id = ?", organizationID).Where("user_id IN (?)", bun.List(userIDs)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("compliance: remove members: %w", database.Translate(err))
	}
	return nil
}

// usersAfter returns up to limit users above the given one who have a row in an organization.
func (s *memberStore) usersAfter(ctx context.Context, on bun.IDB, organizationID, after string, limit int) (ids []string, err error) {
	err = s.usersOf.On(on).Query(ctx, func(scan func(...any) error) error {
		var userID string
		if err := scan(&userID); err != nil {
			return err
		}
		ids = append(ids, userID)
		return nil
	}, organizationID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("compliance: list members: %w", err)
	}
	return ids, nil
}

// rowsAfter returns up to limit rows of an organization, of the users above the given one.
func (s *memberStore) rowsAfter(ctx context.Context, organizationID, after string, limit int) (list []Row, err error) {
	err = s.rowsOf.Query(ctx, func(scan func(...any) error) error {
		var r Row
		err := scan(r.fields()...)
		list = append(list, r)
		return err
	}, organizationID, after, limit)
	if err != nil {
		return nil, fmt.Errorf("compliance: list rows: %w", err)
	}
	return list, nil
}

// pairs reads a batch of rows that a job has something to do with.
func (s *memberStore) pairs(ctx context.Context, q *database.Stmt, after pair, limit int, args ...any) (list []pair, err error) {
	err = q.Query(ctx, func(scan func(...any) error) error {
		var p pair
		if err := scan(&p.user, &p.organization); err != nil {
			return err
		}
		list = append(list, p)
		return nil
	}, append(args, after.user, after.organization, limit)...)
	if err != nil {
		return nil, fmt.Errorf("compliance: find members: %w", err)
	}
	return list, nil
}
