package tenancy

import (
	"context"

	"github.com/authy2/backend/platform/authn"
)

// RoleCount is a role and how many members have it.
type RoleCount struct {
	Role    Role `json:"role" enum:"owner,admin,member,guest"`
	Members int  `json:"member_count" minimum:"0"`
}

// CountRoles returns every role, the highest first, and how many members of an organization
// have it, in one statement.
func (s *Service) CountRoles(ctx context.Context, userID, organizationID string) ([]RoleCount, error) {
	own, counts, err := s.store.countRoles(ctx, userID, organizationID)
	if err != nil {
		return nil, err
	}
	if err := judge(ctx, organizationID, own, authn.PermissionOrganizationRead); err != nil {
		return nil, err
	}
	list := make([]RoleCount, 0, len(counts))
	for _, role := range Roles() {
		list = append(list, RoleCount{Role: role, Members: counts[role]})
	}
	return list, nil
}
