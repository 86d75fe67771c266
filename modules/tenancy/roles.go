package tenancy

import (
	"context"
	"slices"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// Role is the place of a member in an organization.
type Role string

// The roles, from the highest to the lowest.
const (
	// RoleOwner may do everything. An organization has at least one.
	RoleOwner Role = "owner"
	// RoleAdmin runs the organization, but neither ends it nor touches its owners.
	RoleAdmin Role = "admin"
	// RoleMember belongs to it.
	RoleMember Role = "member"
	// RoleGuest belongs to it as somebody from elsewhere.
	RoleGuest Role = "guest"
)

// Roles returns every role, the highest first.
func Roles() []Role { return []Role{RoleOwner, RoleAdmin, RoleMember, RoleGuest} }

// rank orders roles: more is higher, and a role that there is not is the lowest.
func (r Role) rank() int {
	i := slices.Index(Roles(), r)
	if i < 0 {
		return 0
	}
	return len(Roles()) - i
}

// Valid reports whether there is such a role.
func (r Role) Valid() bool { return r.rank() > 0 }

// Above reports whether r is higher than other.
func (r Role) Above(other Role) bool { return r.rank() > other.rank() }

// permissions is the one table of who may do what. Each role has what the lower ones have.
func permissions() map[Role][]authn.Permission {
	everybody := []authn.Permission{authn.PermissionOrganizationRead, authn.PermissionOrganizationLeave}
	admin := append(slices.Clone(everybody),
		authn.PermissionOrganizationUpdate,
		authn.PermissionMembersManage,
		authn.PermissionInvitesRead, authn.PermissionInvitesManage,
		authn.PermissionPoliciesRead, authn.PermissionPoliciesManage,
		authn.PermissionAuditRead,
	)
	return map[Role][]authn.Permission{
		RoleGuest:  everybody,
		RoleMember: everybody,
		RoleAdmin:  admin,
		RoleOwner:  append(slices.Clone(admin), authn.PermissionOrganizationDelete, authn.PermissionOrganizationTransfer),
	}
}

// Grants reports whether the role has the permission.
func (r Role) Grants(need authn.Permission) bool { return slices.Contains(permissions()[r], need) }

// judge decides whether a member with the role may do what needs the permission, and says
// so to the demand of the request. Its error is [apperr.ErrAuthorization].
func judge(ctx context.Context, organizationID string, role Role, need authn.Permission) error {
	demand := authn.DemandFrom(ctx)
	if !role.Grants(need) {
		demand.Denied(organizationID)
		return apperr.ErrAuthorization
	}
	demand.Met(organizationID, need)
	return nil
}

// mayTouch decides whether a member with the role may act on one with the other role, or
// give it to somebody: nobody acts on those above themselves. Its error is
// [apperr.ErrAuthorization].
func (r Role) mayTouch(other Role) error {
	if other.Above(r) {
		return apperr.ErrAuthorization
	}
	return nil
}
