package tenancy_test

import (
	"slices"
	"testing"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
)

// expected is who may do what, spelled out: the table of the module must say the same.
func expected() map[authn.Permission][]tenancy.Role {
	all := []tenancy.Role{tenancy.RoleOwner, tenancy.RoleAdmin, tenancy.RoleMember, tenancy.RoleGuest}
	admins := all[:2]
	return map[authn.Permission][]tenancy.Role{
		authn.PermissionOrganizationRead:     all,
		authn.PermissionOrganizationLeave:    all,
		authn.PermissionOrganizationUpdate:   admins,
		authn.PermissionMembersManage:        admins,
		authn.PermissionInvitesRead:          admins,
		authn.PermissionInvitesManage:        admins,
		authn.PermissionPoliciesRead:         admins,
		authn.PermissionPoliciesManage:       admins,
		authn.PermissionAuditRead:            admins,
		authn.PermissionOrganizationDelete:   all[:1],
		authn.PermissionOrganizationTransfer: all[:1],
	}
}

func TestRolesGrantWhatTheTableSays(t *testing.T) {
	t.Parallel()
	for need, roles := range expected() {
		for _, role := range tenancy.Roles() {
			if got, want := role.Grants(need), slices.Contains(roles, role); got != want {
				t.Errorf("%s has %s: %t, want %t", role, need, got, want)
			}
		}
	}
	for role, granted := range tenancy.Permissions() {
		for _, p := range granted {
			if expected()[p] == nil {
				t.Errorf("%s has %s, which no test knows", role, p)
			}
		}
	}
	if tenancy.Role("root").Valid() || tenancy.Role("root").Grants(authn.PermissionOrganizationRead) || tenancy.RoleGuest.Above("root") != true {
		t.Error("a role that there is not is more than nothing")
	}
}

// TestEveryOperationAsksTheTable walks the operations with every role: those whose role
// lacks the permission that the operation declares are refused, the others are not.
func TestEveryOperationAsksTheTable(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		for _, op := range operations() {
			owner := h.user(t, "owner-"+op.name)
			o := h.found(t, owner, op.name)
			target := h.join(t, owner, o.ID, "target-"+op.name, tenancy.RoleGuest)
			callers := map[tenancy.Role]string{"": h.user(t, "stranger-"+op.name)}
			for _, role := range []tenancy.Role{tenancy.RoleGuest, tenancy.RoleMember, tenancy.RoleAdmin} {
				callers[role] = h.join(t, owner, o.ID, string(role)+"-"+op.name, role)
			}
			for _, role := range []tenancy.Role{"", tenancy.RoleGuest, tenancy.RoleMember, tenancy.RoleAdmin, tenancy.RoleOwner} {
				caller := callers[role]
				if role == tenancy.RoleOwner {
					caller = owner
				}
				want := ""
				switch {
				case role == "":
					want = "NOT_FOUND"
				case !role.Grants(op.need):
					want = "AUTHORIZATION_ERROR"
				}
				ctx, demand := authn.WithDemand(t.Context(), op.need)
				if op.demand != "" {
					ctx, demand = authn.WithDemand(t.Context(), op.demand)
				}
				err := op.run(ctx, h, caller, o.ID, target)
				if code(err) != want {
					t.Errorf("%s as %q: %v, want %q", op.name, role, err, want)
				}
				if want == "" && !demand.IsMet() {
					t.Errorf("%s as %q: the demand was never judged", op.name, role)
				}
				if known := demand.Organization(); (role == "") != (known == "") {
					t.Errorf("%s as %q: the demand names the organization %q", op.name, role, known)
				}
			}
		}
	})
}
