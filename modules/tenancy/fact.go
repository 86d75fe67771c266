package tenancy

import "github.com/authy2/backend/platform/events"

// The actions of this module in the audit trail. All of them carry the organization.
const (
	// ActionCreate is a new organization.
	ActionCreate = "org.create"
	// ActionUpdate is a change of what an organization shows of itself.
	ActionUpdate = "org.update"
	// ActionDelete is the end of an organization.
	ActionDelete = "org.delete"
	// ActionMemberAdd is a new member who was not invited.
	ActionMemberAdd = "org.member.add"
	// ActionMemberRemove is a member who was removed or left.
	ActionMemberRemove = "org.member.remove"
	// ActionRoleChange is a member with another role.
	ActionRoleChange = "org.member.role_change"
	// ActionTransfer is an owner who made somebody else the owner.
	ActionTransfer = "org.ownership.transfer"
	// ActionPolicy is a change of the rules for members' sessions.
	ActionPolicy = "org.session_policy.update"
	// ActionInvite, ActionInviteResend and ActionInviteCancel are what happens to an
	// invitation that waits.
	ActionInvite       = "org.invite.create"
	ActionInviteResend = "org.invite.resend"
	ActionInviteCancel = "org.invite.cancel"
	// ActionInviteAccept is a new member who was invited.
	ActionInviteAccept = "org.invite.accept"
)

// actions is the audit vocabulary of the module.
func actions() []string {
	return []string{
		ActionCreate, ActionUpdate, ActionDelete, ActionMemberAdd, ActionMemberRemove, ActionRoleChange, ActionTransfer, ActionPolicy,
		ActionInvite, ActionInviteResend, ActionInviteCancel, ActionInviteAccept,
	}
}

// What the facts of this module are about.
const (
	resourceOrganization = "organization"
	resourceMember       = "member" // named by the user's id
	resourceInvite       = "invite"
)

// aboutOrganization is the fact of something that was done to an organization.
func aboutOrganization(action, actorID, organizationID string, metadata map[string]string) events.Fact {
	return events.Fact{
		Action: action, ActorID: actorID, ResourceType: resourceOrganization, ResourceID: organizationID,
		OrganizationID: organizationID, Success: true, Metadata: metadata,
	}
}

// aboutMember is the fact of something that was done to a member.
func aboutMember(action, actorID string, r memberRow, metadata map[string]string) events.Fact {
	return events.Fact{
		Action: action, ActorID: actorID, ResourceType: resourceMember, ResourceID: r.UserID,
		OrganizationID: r.OrganizationID, Success: true, Metadata: metadata,
	}
}
