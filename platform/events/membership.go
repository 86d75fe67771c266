package events

// MembershipChanged says that a user became a member of an organization, or is none any
// more. It is not published of the members of an organization that is deleted, nor of users
// who are deleted.
type MembershipChanged struct {
	OrganizationID string `json:"organization_id"`
	UserID         string `json:"user_id"`
	// Member is true for somebody who joined and false for somebody who left or was removed.
	Member bool `json:"member"`
}

// Name returns tenancy.membership.changed.
func (MembershipChanged) Name() string { return "tenancy.membership.changed" }

// OrganizationDeleted says that an organization is gone, and every membership of it.
type OrganizationDeleted struct {
	OrganizationID string `json:"organization_id"`
}

// Name returns tenancy.organization.deleted.
func (OrganizationDeleted) Name() string { return "tenancy.organization.deleted" }
