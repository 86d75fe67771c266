package tenancy

import (
	"net/http"
	"slices"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/ratelimit"
)

// tag groups the operations of this module in the document.
const tag = "Organizations"

// limitAddMember bounds how fast somebody learns which addresses have an account by adding
// them to an organization of their own.
const limitAddMember = "add_member"

func limits() []ratelimit.Limit {
	return append(inviteLimits(),
		ratelimit.Limit{Name: limitAddMember, Default: "600-H", Doc: "Requests from one client address that add a member by email address."},
	)
}

const (
	listPath         = "/api/v1/organizations"
	organizationPath = listPath + "/{id}"
	membersPath      = organizationPath + "/members"
	memberPath       = membersPath + "/{userId}"
	policyPath       = organizationPath + "/session-policy"
)

// handler is the HTTP side of the service.
type handler struct{ service *Service }

// endpoints declares every operation.
func (h handler) endpoints() []httpx.Endpoint {
	return slices.Concat(h.organizationEndpoints(), h.memberEndpoints(), h.policyEndpoints(), h.inviteEndpoints())
}

func (h handler) organizationEndpoints() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "create-organization", Method: http.MethodPost, Path: listPath,
			Status: http.StatusCreated, Idempotent: true, Errors: []int{http.StatusConflict},
			Summary: "Organization created", Tag: tag,
			Description: "Founds an organization that you own. Without a slug one is made from the name.",
			BodyExample: exampleCreate(), ResultExample: OrganizationResult{Organization: exampleOrganization()},
		}, h.create, h.judgeCreate),
		httpx.Op(httpx.Operation{
			ID: "get-organization", Method: http.MethodGet, Path: organizationPath, Permission: authn.PermissionOrganizationRead,
			Tagged: true, Errors: []int{http.StatusNotFound},
			Summary: "Organization", Tag: tag,
			Description:   "Shows an organization to its members.",
			ResultExample: OrganizationRead{Organization: exampleOrganization(), Members: 4},
		}, h.read),
		httpx.Op(httpx.Operation{
			ID: "update-organization", Method: http.MethodPatch, Path: organizationPath, Permission: authn.PermissionOrganizationUpdate,
			Tagged: true, Errors: []int{http.StatusNotFound, http.StatusPreconditionFailed},
			Summary: "Organization changed", Tag: tag,
			Description: "Changes the members that are given; null clears one. The slug never changes.",
			BodyExample: exampleUpdate(), ResultExample: OrganizationResult{Organization: exampleOrganization()},
		}, h.update, h.judgeUpdate),
		httpx.Op(httpx.Operation{
			ID: "delete-organization", Method: http.MethodDelete, Path: organizationPath, Permission: authn.PermissionOrganizationDelete,
			Errors:  []int{http.StatusNotFound, http.StatusPreconditionFailed},
			Summary: "Organization deleted", Tag: tag,
			Description:   "Ends an organization, its memberships and its invitations. Its slug may be used again.",
			ResultExample: httpx.Empty{},
		}, h.delete),
		httpx.Op(httpx.Operation{
			ID: "list-my-organizations", Method: http.MethodGet, Path: "/api/v1/users/me/organizations",
			Summary: "Your organizations", Tag: tag,
			Description:   "Lists the organizations that you belong to with your role in each, the oldest first.",
			ResultExample: OrganizationList{Organizations: []Organization{exampleOrganization()}, Count: 1},
		}, h.list),
	}
}

func (h handler) memberEndpoints() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "list-members", Method: http.MethodGet, Path: membersPath, Permission: authn.PermissionOrganizationRead,
			Errors:  []int{http.StatusNotFound},
			Summary: "Members", Tag: tag,
			Description:   "Lists the members of an organization, the longest-serving first, from a cursor or from an offset.",
			ResultExample: MemberList{Members: []Member{exampleMember()}, Count: 1},
		}, h.listMembers, judgeMembers),
		httpx.Op(httpx.Operation{
			ID: "add-member", Method: http.MethodPost, Path: membersPath, Permission: authn.PermissionMembersManage,
			Limits: []string{limitAddMember}, Status: http.StatusCreated, Idempotent: true,
			Errors:  []int{http.StatusNotFound, http.StatusConflict},
			Summary: "Member added", Tag: tag,
			Description: "Makes the user with the address a member at once. People without an account are invited instead. " +
				"Nobody gives a role above their own. Making an owner asks for a recent proof of who you are; see step-up.",
			BodyExample: exampleAdd(), ResultExample: MemberResult{Member: exampleMember()},
		}, h.addMember),
		httpx.Op(httpx.Operation{
			ID: "remove-member", Method: http.MethodDelete, Path: memberPath, Permission: authn.PermissionOrganizationLeave, ComplianceOnly: true,
			Errors:  []int{http.StatusNotFound, http.StatusConflict},
			Summary: "Member removed", Tag: tag,
			Description: "Ends a membership. Your own is open to every role, also while you lack a second factor that the organization " +
				"requires: it is leaving. Ending another's needs members:manage and a role that is not below theirs. The last owner stays.",
			ResultExample: httpx.Empty{},
		}, h.removeMember),
		httpx.Op(httpx.Operation{
			ID: "change-member-role", Method: http.MethodPatch, Path: memberPath + "/role", Permission: authn.PermissionMembersManage,
			Errors:  []int{http.StatusNotFound, http.StatusConflict},
			Summary: "Role changed", Tag: tag,
			Description: "Gives a member another role. Nobody acts on somebody above themselves or gives a role above their own; the " +
				"last owner stays one. Making an owner asks for a recent proof of who you are; see step-up.",
			BodyExample: RoleBody{Role: RoleAdmin}, ResultExample: MemberResult{Member: exampleMember()},
		}, h.changeRole),
		httpx.Op(httpx.Operation{
			ID: "transfer-ownership", Method: http.MethodPost, Path: organizationPath + "/transfer-ownership",
			Permission: authn.PermissionOrganizationTransfer, StepUp: httpx.StepUpNeeded, Idempotent: true, Errors: []int{http.StatusNotFound, http.StatusConflict},
			Summary: "Ownership transferred", Tag: tag,
			Description: "Makes another member the owner in your place. You become an admin.",
			BodyExample: TransferBody{NewOwnerID: exampleOtherUserID}, ResultExample: exampleTransferred(),
		}, h.transfer),
		httpx.Op(httpx.Operation{
			ID: "list-roles", Method: http.MethodGet, Path: organizationPath + "/roles", Permission: authn.PermissionOrganizationRead,
			Errors:  []int{http.StatusNotFound},
			Summary: "Roles", Tag: tag,
			Description:   "Lists every role, the highest first, and how many members have it.",
			ResultExample: RoleList{Roles: exampleRoles()},
		}, h.listRoles),
	}
}

func (h handler) policyEndpoints() []httpx.Endpoint {
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "get-session-policy", Method: http.MethodGet, Path: policyPath, Permission: authn.PermissionPoliciesRead,
			Tagged: true, Errors: []int{http.StatusNotFound},
			Summary: "Session policy", Tag: tag,
			Description:   "Shows how long sessions of the members may idle and live.",
			ResultExample: exampleSessionPolicy(),
		}, h.readPolicy),
		httpx.Op(httpx.Operation{
			ID: "set-session-policy", Method: http.MethodPut, Path: policyPath, Permission: authn.PermissionPoliciesManage,
			Tagged: true, Errors: []int{http.StatusNotFound, http.StatusPreconditionFailed},
			Summary: "Session policy replaced", Tag: tag,
			Description: "Replaces the policy; what is absent or null is left to the system. A policy only shortens what the system has. " +
				"The shortest of a user's organizations rules all their sessions, from the next request on.",
			BodyExample: examplePolicyBody(), ResultExample: exampleSessionPolicy(),
		}, h.setPolicy, h.judgePolicy),
	}
}
