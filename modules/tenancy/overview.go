package tenancy

import (
	"context"
	"fmt"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
)

// Overview is an organization as its operator sees it.
type Overview struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Slug        string        `json:"slug"`
	MemberCount int           `json:"member_count"`
	Policy      SessionPolicy `json:"session_policy"`
	CreatedAt   time.Time     `json:"created_at"`
	UpdatedAt   time.Time     `json:"updated_at"`
}

// errNoOrganization tells an operator that nothing has the name they gave.
var errNoOrganization = apperr.ErrNotFound.WithMessage("No organization has this id or slug.")

// Operator looks at organizations without belonging to them. It is for the command line.
type Operator struct {
	service               *Service
	page, bySlug, members *database.Stmt
}

// NewOperator returns the operator's view of the organizations of a service.
func NewOperator(s *Service) *Operator {
	const overview = `SELECT o.id, o.name, o.slug, (SELECT count(*) FROM tenancy_members c WHERE c.organization_id = o.id),
	o.session_idle_seconds, o.session_absolute_seconds, o.created_at, o.updated_at
	FROM tenancy_organizations o WHERE o.deleted_at IS NULL AND `
	return &Operator{
		service: s,
		page:    s.db.Prepare(overview + `o.id > ? ORDER BY o.id LIMIT ?`),
		bySlug:  s.db.Prepare(overview + `(o.slug = ? OR o.id = ?)`),
		members: s.db.Prepare(`SELECT ` + memberColumns + ` FROM tenancy_members m WHERE m.organization_id = ? AND m.id > ? ORDER BY m.id LIMIT ?`),
	}
}

func (o *Overview) fields() []any {
	return []any{
		&o.ID, &o.Name, &o.Slug, &o.MemberCount, &o.Policy.Idle, &o.Policy.Absolute, database.Time(&o.CreatedAt), database.Time(&o.UpdatedAt),
	}
}

// List returns up to limit organizations after the one with the id, the oldest first.
func (a *Operator) List(ctx context.Context, after string, limit int) (list []Overview, err error) {
	if after == "" {
		after = noID
	}
	err = a.page.Query(ctx, func(scan func(...any) error) error {
		var o Overview
		if err := scan(o.fields()...); err != nil {
			return err
		}
		list = append(list, o)
		return nil
	}, after, limit)
	if err != nil {
		return nil, fmt.Errorf("tenancy: list organizations: %w", err)
	}
	return list, nil
}

// Find returns the organization with the id or slug.
func (a *Operator) Find(ctx context.Context, name string) (Overview, error) {
	parsed, ok := id.Parse(name)
	if !ok {
		parsed = noID
	}
	var o Overview
	err := a.bySlug.QueryRow(ctx, name, parsed).Scan(o.fields()...)
	switch {
	case database.IsNotFound(err):
		return o, errNoOrganization
	case err != nil:
		return o, fmt.Errorf("tenancy: find an organization: %w", err)
	}
	return o, nil
}

// Members returns up to limit members of an organization after the one with the id, the
// longest-serving first, and the id of the last when there may be more.
func (a *Operator) Members(ctx context.Context, organizationID, after string, limit int) (list []Member, next string, err error) {
	if after == "" {
		after = noID
	}
	var rows []memberRow
	err = a.members.Query(ctx, func(scan func(...any) error) error {
		var r memberRow
		if err := scan(r.fields()...); err != nil {
			return err
		}
		rows = append(rows, r)
		return nil
	}, organizationID, after, limit)
	if err != nil {
		return nil, "", fmt.Errorf("tenancy: list members: %w", err)
	}
	if len(rows) == limit {
		next = rows[limit-1].ID
	}
	list, err = a.service.show(ctx, a.service.db.Read(), rows)
	return list, next, err
}
