package authn

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
)

// Permission is the name of something that a role in an organization may grant, such as
// organization:update. Operations declare the permission they need; which role grants it
// is decided in one table of the module that has roles, and never asked for by name.
type Permission string

// The permissions of the system. A module that declares an operation with a new one adds
// it here, and the table of roles says who has it.
const (
	// PermissionOrganizationRead is seeing the organization, its members and its rules.
	PermissionOrganizationRead Permission = "organization:read"
	// PermissionOrganizationUpdate is changing its name, description and logo.
	PermissionOrganizationUpdate Permission = "organization:update"
	// PermissionOrganizationDelete is ending it.
	PermissionOrganizationDelete Permission = "organization:delete"
	// PermissionOrganizationTransfer is making somebody else its owner.
	PermissionOrganizationTransfer Permission = "organization:transfer"
	// PermissionOrganizationLeave is ending one's own membership.
	PermissionOrganizationLeave Permission = "organization:leave"
	// PermissionMembersManage is adding, removing and changing members below one's own role.
	PermissionMembersManage Permission = "members:manage"
	// PermissionInvitesRead and PermissionInvitesManage are seeing and making invitations.
	PermissionInvitesRead   Permission = "invites:read"
	PermissionInvitesManage Permission = "invites:manage"
	// PermissionPoliciesRead and PermissionPoliciesManage are seeing and setting the rules
	// that bind members, such as how long their sessions last.
	PermissionPoliciesRead   Permission = "policies:read"
	PermissionPoliciesManage Permission = "policies:manage"
	// PermissionAuditRead is reading the organization's audit trail.
	PermissionAuditRead Permission = "audit:read"
)

// Membership is the place of a user in an organization, as it is at this moment. It is
// never kept beside a session: a role that was taken away grants nothing any more.
type Membership struct {
	OrganizationID string
	UserID         string
	// Role is owner, admin, member or guest.
	Role string
}

// Authorizer judges what somebody may do in an organization. The tenancy module is one;
// without it the operations that need a permission are not mounted.
type Authorizer interface {
	// Authorize returns the user's membership when its role grants the permission. It is
	// [apperr.ErrNotFound] for everybody who is no member, whether or not the organization
	// exists, and [apperr.ErrAuthorization] for a member whose role grants less. It reads
	// through db, a transaction or the read pool, in one statement, and meets the demand
	// of the request in ctx (see [Demand]).
	Authorize(ctx context.Context, db bun.IDB, userID, organizationID string, need Permission) (Membership, error)
}

// NoAuthorizer is the Authorizer of a system without organizations. The kernel leaves out
// every operation that needs a permission then, so it is never asked.
type NoAuthorizer struct{}

// Authorize knows no organization: nobody is a member of any.
func (NoAuthorizer) Authorize(context.Context, bun.IDB, string, string, Permission) (Membership, error) {
	return Membership{}, apperr.ErrNotFound
}

// Demand is the permission that the operation of a request declares. Whoever judges it
// says so, because an operation that declares a permission and succeeds without having
// asked for it is a hole. One request has one; it belongs to one goroutine.
type Demand struct {
	need         Permission
	organization string
	met          bool
}

// WithDemand returns the context of a request whose operation needs the permission, and
// the demand it carries.
func WithDemand(ctx context.Context, need Permission) (context.Context, *Demand) {
	d := &Demand{need: need}
	return context.WithValue(ctx, demandKey, d), d
}

// DemandFrom returns the demand of the request, nil when its operation declares none. All
// methods work on nil.
func DemandFrom(ctx context.Context) *Demand {
	d, _ := ctx.Value(demandKey).(*Demand)
	return d
}

// Need returns the permission that the operation declares; empty without one.
func (d *Demand) Need() Permission {
	if d == nil {
		return ""
	}
	return d.need
}

// Met notes that the caller has the permission in the organization.
func (d *Demand) Met(organizationID string, granted Permission) {
	if d != nil {
		d.organization = organizationID
		d.met = d.met || granted == d.need
	}
}

// Denied notes that the caller, who is a member of the organization, lacks the permission,
// so that the refusal is written into the trail of that organization.
func (d *Demand) Denied(organizationID string) {
	if d != nil {
		d.organization = organizationID
	}
}

// IsMet reports whether the permission was asked for and granted.
func (d *Demand) IsMet() bool { return d != nil && d.met }

// Organization returns the organization of which the caller is known to be a member;
// empty when none is.
func (d *Demand) Organization() string {
	if d == nil {
		return ""
	}
	return d.organization
}
