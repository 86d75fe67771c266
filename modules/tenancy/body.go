package tenancy

import "github.com/authy2/backend/platform/httpx"

// CreateBody is the body of a new organization.
type CreateBody struct {
	Name        string                 `json:"name" minLength:"1" maxLength:"255"`
	Slug        string                 `json:"slug,omitzero" pattern:"^[a-z0-9-]{1,63}$" doc:"Made from the name when it is absent."`
	Description httpx.Optional[string] `json:"description,omitzero" maxLength:"2000" format:"multiline"`
	LogoURL     httpx.Optional[string] `json:"logo_url,omitzero" format:"uri" maxLength:"512" doc:"An http or https address."`
}

// UpdateBody is the body of a change of an organization.
type UpdateBody struct {
	Name        *string                `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"255"`
	Description httpx.Optional[string] `json:"description,omitzero" maxLength:"2000" format:"multiline"`
	LogoURL     httpx.Optional[string] `json:"logo_url,omitzero" format:"uri" maxLength:"512" doc:"An http or https address."`
}

// AddBody is the body of a new membership.
type AddBody struct {
	Email string `json:"email" format:"idn-email" maxLength:"255" doc:"Address of the user's account."`
	Role  Role   `json:"role" enum:"owner,admin,member,guest"`
}

// RoleBody is the body of a change of role.
type RoleBody struct {
	Role Role `json:"role" enum:"owner,admin,member,guest"`
}

// TransferBody is the body of a transfer of ownership.
type TransferBody struct {
	NewOwnerID string `json:"new_owner_user_id" format:"uuid" doc:"Id of the member who becomes the owner."`
}

// PolicyBody is the body of a session policy.
type PolicyBody struct {
	Idle     httpx.Optional[int64] `json:"idle_timeout,omitzero" minimum:"60" maximum:"34560000" doc:"Seconds without a request after which a session ends."`
	Absolute httpx.Optional[int64] `json:"absolute_timeout,omitzero" minimum:"60" maximum:"34560000" doc:"Seconds after which a session ends whatever happens."`
}

// policy returns what the body says.
func (b PolicyBody) policy() SessionPolicy {
	return SessionPolicy{Idle: b.Idle.Value, Absolute: b.Absolute.Value}
}

// OrganizationResult is an organization.
type OrganizationResult struct {
	Organization Organization `json:"organization"`
}

// OrganizationRead is an organization and how many members it has.
type OrganizationRead struct {
	Organization Organization `json:"organization"`
	Members      int          `json:"member_count" minimum:"1"`
}

// OrganizationList is a page of organizations.
type OrganizationList struct {
	Organizations []Organization `json:"organizations"`
	Count         int            `json:"count" doc:"How many organizations this page holds."`
}

// MemberResult is a member.
type MemberResult struct {
	Member Member `json:"member"`
}

// MemberList is a page of members.
type MemberList struct {
	Members []Member `json:"members"`
	Count   int      `json:"count" doc:"How many members this page holds."`
}

// RoleList is the roles of an organization.
type RoleList struct {
	Roles []RoleCount `json:"roles"`
}
