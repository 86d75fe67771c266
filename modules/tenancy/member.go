package tenancy

import (
	"time"

	"github.com/authy2/backend/platform/authn"
)

// Member is a membership with what other members may see of the user.
type Member struct {
	ID             string     `json:"id" format:"uuid"`
	UserID         string     `json:"user_id" format:"uuid"`
	OrganizationID string     `json:"organization_id" format:"uuid"`
	Role           Role       `json:"role" enum:"owner,admin,member,guest"`
	InvitedByID    *string    `json:"invited_by_id" format:"uuid" doc:"Who brought them in; null for founders and for inviters who are gone."`
	InvitedAt      *time.Time `json:"invited_at"`
	JoinedAt       time.Time  `json:"joined_at"`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
	User           MemberUser `json:"user"`
}

// MemberUser is what members see of one another.
type MemberUser struct {
	ID        string  `json:"id" format:"uuid"`
	Email     string  `json:"email" format:"idn-email"`
	FullName  *string `json:"full_name"`
	AvatarURL *string `json:"avatar_url"`
	Status    string  `json:"status" enum:"active,inactive,suspended,pending,compliance_suspended"`
}

// memberRow is a row of tenancy_members.
type memberRow struct {
	ID             string
	OrganizationID string
	UserID         string
	Role           Role
	InvitedByID    *string
	InvitedAt      time.Time // zero: never
	JoinedAt       time.Time
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// member returns the row as the API shows it.
func (r *memberRow) member(p authn.Person) Member {
	m := Member{
		ID: r.ID, UserID: r.UserID, OrganizationID: r.OrganizationID, Role: r.Role, InvitedByID: r.InvitedByID,
		JoinedAt: r.JoinedAt, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		User: MemberUser{ID: p.ID, Email: p.Email, FullName: p.FullName, AvatarURL: p.AvatarURL, Status: p.Status},
	}
	if !r.InvitedAt.IsZero() {
		at := r.InvitedAt
		m.InvitedAt = &at
	}
	return m
}
