package audit

import (
	"context"

	"github.com/authy2/backend/platform/authn"
)

// page returns up to limit rows of a scope after the position, newest first, and the
// position of the last one when there are more. It asks nobody for permission.
func (s *Service) page(ctx context.Context, scope Scope, f *Filter, after *position, limit int) ([]Row, *position, error) {
	rows, err := s.store.page(ctx, scope, f, after, limit+1)
	if err != nil {
		return nil, nil, err
	}
	var next *position
	if len(rows) > limit {
		rows = rows[:limit]
		last := &rows[limit-1]
		next = &position{At: last.CreatedAt.UTC(), ID: last.ID}
	}
	r := reader{service: s, scope: scope}
	all, err := r.views(ctx, rows)
	return all, next, err
}

// mayRead judges whether the user may read the trail of the organization, in one
// statement.
func (s *Service) mayRead(ctx context.Context, userID, organizationID string) error {
	_, err := s.authorizer.Authorize(ctx, s.db.Read(), userID, organizationID, authn.PermissionAuditRead)
	return err
}
