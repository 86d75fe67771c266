package tenancy_test

import (
	"context"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/authn"
)

// operation is a use case as somebody calls it. The target is a guest; an operation leaves
// things so that it can be repeated.
type operation struct {
	name string
	need authn.Permission
	// demand is what the operation declares, when that is not need.
	demand authn.Permission
	run    func(ctx context.Context, h *house, callerID, organizationID, targetID string) error
}

// operations are the use cases that ask for a permission.
func operations() []operation {
	return []operation{
		{name: "read", need: authn.PermissionOrganizationRead, run: func(ctx context.Context, h *house, callerID, organizationID, _ string) error {
			_, _, _, err := h.Read(ctx, callerID, organizationID)
			return err
		}},
		{name: "members", need: authn.PermissionOrganizationRead, run: func(ctx context.Context, h *house, callerID, organizationID, _ string) error {
			_, _, err := h.Members(ctx, callerID, organizationID, tenancy.MemberQuery{Limit: 10})
			return err
		}},
		{name: "roles", need: authn.PermissionOrganizationRead, run: func(ctx context.Context, h *house, callerID, organizationID, _ string) error {
			_, err := h.CountRoles(ctx, callerID, organizationID)
			return err
		}},
		{name: "update", need: authn.PermissionOrganizationUpdate, run: func(ctx context.Context, h *house, callerID, organizationID, _ string) error {
			name := "Renamed"
			_, _, err := h.Update(ctx, callerID, organizationID, tenancy.Profile{Name: &name, Precondition: anyTag})
			return err
		}},
		{name: "add", need: authn.PermissionMembersManage, run: func(ctx context.Context, h *house, callerID, organizationID, targetID string) error {
			_, err := h.AddMember(ctx, callerID, organizationID, tenancy.NewMember{Email: "target-add@example.com", Role: tenancy.RoleGuest})
			if code(err) == "CONFLICT" { // they are a member
				return nil
			}
			return err
		}},
		{name: "role", need: authn.PermissionMembersManage, run: func(ctx context.Context, h *house, callerID, organizationID, targetID string) error {
			_, err := h.ChangeRole(ctx, callerID, organizationID, targetID, tenancy.RoleMember)
			return err
		}},
		{
			name: "remove", need: authn.PermissionMembersManage, demand: authn.PermissionOrganizationLeave,
			run: func(ctx context.Context, h *house, callerID, organizationID, targetID string) error {
				err := h.RemoveMember(ctx, callerID, organizationID, targetID)
				if err == nil {
					_, err = h.AddMember(ctx, callerID, organizationID, tenancy.NewMember{Email: "target-remove@example.com", Role: tenancy.RoleGuest})
				}
				return err
			},
		},
		{name: "read-policy", need: authn.PermissionPoliciesRead, run: func(ctx context.Context, h *house, callerID, organizationID, _ string) error {
			_, _, err := h.ReadPolicy(ctx, callerID, organizationID)
			return err
		}},
		{name: "set-policy", need: authn.PermissionPoliciesManage, run: func(ctx context.Context, h *house, callerID, organizationID, _ string) error {
			_, err := h.SetPolicy(ctx, callerID, organizationID, tenancy.SessionPolicy{}, anyTag)
			return err
		}},
		{name: "transfer", need: authn.PermissionOrganizationTransfer, run: func(ctx context.Context, h *house, callerID, organizationID, targetID string) error {
			_, err := h.Transfer(ctx, callerID, organizationID, targetID)
			return err
		}},
		{name: "delete", need: authn.PermissionOrganizationDelete, run: func(ctx context.Context, h *house, callerID, organizationID, _ string) error {
			return h.Delete(ctx, callerID, organizationID, anyTag)
		}},
		{name: "leave", need: authn.PermissionOrganizationLeave, run: func(ctx context.Context, h *house, callerID, organizationID, _ string) error {
			err := h.RemoveMember(ctx, callerID, organizationID, callerID)
			if code(err) == "CONFLICT" { // the last owner is told to stay
				return nil
			}
			return err
		}},
	}
}
