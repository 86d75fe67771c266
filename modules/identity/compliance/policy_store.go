package compliance

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/database"
)

// policyStore reads and writes identity_mfa_policies.
type policyStore struct {
	postgres             bool
	one, write, forget   *database.Stmt
	notify, every, lone  *database.Stmt
	holdAlone, holdShare *database.Stmt
}

const policyColumns = `organization_id, mode, grace_days, notify_days, version`

func newPolicyStore(db *database.DB) *policyStore {
	return &policyStore{
		postgres: db.Dialect() == database.PostgreSQL,
		one:      db.Prepare(`SELECT ` + policyColumns + ` FROM identity_mfa_policies WHERE organization_id = ?`),
		write: db.Prepare(`INSERT INTO identity_mfa_policies (` + policyColumns + `, required_since, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (organization_id) DO UPDATE SET mode = excluded.mode, grace_days = excluded.grace_days, notify_days = excluded.notify_days,
	version = excluded.version, updated_at = excluded.updated_at,
	required_since = CASE WHEN identity_mfa_policies.mode = excluded.mode THEN identity_mfa_policies.required_since ELSE excluded.required_since END`),
		forget: db.Prepare(`DELETE FROM identity_mfa_policies WHERE organization_id = ?`),
		notify: db.Prepare(`SELECT DISTINCT notify_days FROM identity_mfa_policies ORDER BY notify_days`),
		every:  db.Prepare(`SELECT ` + policyColumns + ` FROM identity_mfa_policies WHERE organization_id > ? ORDER BY organization_id LIMIT ?`),
		lone: db.Prepare(`SELECT DISTINCT m.organization_id FROM identity_mfa_members m
	WHERE m.organization_id > ? AND NOT EXISTS (SELECT 1 FROM identity_mfa_policies p WHERE p.organization_id = m.organization_id)
	ORDER BY m.organization_id LIMIT ?`),
		holdAlone: db.Prepare(`SELECT pg_advisory_xact_lock(?)`),
		holdShare: db.Prepare(`SELECT pg_advisory_xact_lock_shared(?)`),
	}
}

// hold keeps everybody else from changing the policy of an organization, and from joining
// it, until tx ends: who joins meanwhile is either seen by the walk over the members or sees
// the new policy. A row cannot be held that there is not yet, so it is the id that is.
func (s *policyStore) hold(ctx context.Context, tx bun.Tx, organizationID string) error {
	return s.lock(ctx, tx, s.holdAlone, organizationID)
}

// keep keeps the policy of an organization, or that there is none, until tx ends.
func (s *policyStore) keep(ctx context.Context, tx bun.Tx, organizationID string) error {
	return s.lock(ctx, tx, s.holdShare, organizationID)
}

func (s *policyStore) lock(ctx context.Context, tx bun.Tx, how *database.Stmt, organizationID string) error {
	if !s.postgres {
		return nil // one transaction writes at a time
	}
	key := fnv.New64a()
	_, _ = key.Write([]byte("identity_mfa_policies " + organizationID)) // never fails
	if _, err := how.In(tx).Exec(ctx, int64(key.Sum64())); err != nil {
		return fmt.Errorf("compliance: hold a policy: %w", err)
	}
	return nil
}

// find returns the policy of an organization, the default one when it has none.
func (s *policyStore) find(ctx context.Context, on bun.IDB, organizationID string) (Policy, error) {
	p := DefaultPolicy(organizationID)
	err := s.one.On(on).QueryRow(ctx, organizationID).Scan(p.fields()...)
	if err != nil && !database.IsNotFound(err) {
		return p, fmt.Errorf("compliance: find a policy: %w", err)
	}
	return p, nil
}

func (p *Policy) fields() []any {
	return []any{&p.OrganizationID, &p.Mode, &p.GraceDays, &p.NotifyDays, &p.Version}
}

// among returns the policies that the organizations have, by organization.
func (s *policyStore) among(ctx context.Context, tx bun.Tx, organizationIDs []string) (map[string]Policy, error) {
	found := map[string]Policy{}
	if len(organizationIDs) == 0 {
		return found, nil
	}
	rows, err := tx.NewSelect().Table("identity_mfa_policies").ColumnExpr(policyColumns).
		Where("organization_id IN (?)", bun.List(organizationIDs)).Rows(ctx)
	if err != nil {
		return nil, fmt.Errorf("compliance: find policies: %w", database.Translate(err))
	}
	defer rows.Close()
	for rows.Next() {
		var p Policy
		if err := rows.Scan(p.fields()...); err != nil {
			return nil, fmt.Errorf("compliance: read a policy: %w", database.Translate(err))
		}
		found[p.OrganizationID] = p
	}
	return found, database.Translate(rows.Err())
}

// put writes a policy.
func (s *policyStore) put(ctx context.Context, tx bun.Tx, p Policy, at time.Time) error {
	_, err := s.write.In(tx).Exec(ctx, p.OrganizationID, string(p.Mode), p.GraceDays, p.NotifyDays, p.Version, at, at)
	if err != nil {
		return fmt.Errorf("compliance: write a policy: %w", err)
	}
	return nil
}

// drop removes the policy of an organization that is gone.
func (s *policyStore) drop(ctx context.Context, tx bun.Tx, organizationID string) error {
	if _, err := s.forget.In(tx).Exec(ctx, organizationID); err != nil {
		return fmt.Errorf("compliance: remove a policy: %w", err)
	}
	return nil
}

// after returns up to limit policies of the organizations above the given one.
func (s *policyStore) after(ctx context.Context, organizationID string, limit int) (list []Policy, err error) {
	err = s.every.Query(ctx, func(scan func(...any) error) error {
		var p Policy
		if err := scan(p.fields()...); err != nil {
			return err
		}
		list = append(list, p)
		return nil
	}, organizationID, limit)
	if err != nil {
		return nil, fmt.Errorf("compliance: list policies: %w", err)
	}
	return list, nil
}

// without returns up to limit organizations above the given one that have no policy, but rows
// of members.
func (s *policyStore) without(ctx context.Context, organizationID string, limit int) (list []Policy, err error) {
	err = s.lone.Query(ctx, func(scan func(...any) error) error {
		var found string
		if err := scan(&found); err != nil {
			return err
		}
		list = append(list, DefaultPolicy(found))
		return nil
	}, organizationID, limit)
	if err != nil {
		return nil, fmt.Errorf("compliance: list organizations without a policy: %w", err)
	}
	return list, nil
}

// notifyDays returns how many days before a deadline any policy begins to remind.
func (s *policyStore) notifyDays(ctx context.Context) (days []int64, err error) {
	err = s.notify.Query(ctx, func(scan func(...any) error) error {
		var n int64
		if err := scan(&n); err != nil {
			return err
		}
		days = append(days, n)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("compliance: find when to remind: %w", err)
	}
	return days, nil
}
