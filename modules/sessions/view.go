package sessions

import "time"

// Session is a session as the API shows it. The token is never part of it.
type Session struct {
	ID             string     `json:"id" format:"uuid"`
	UserID         string     `json:"user_id" format:"uuid"`
	Status         Status     `json:"status" enum:"ACTIVE,REVOKED,EXPIRED"`
	IPAddress      *string    `json:"ip_address" doc:"Address the session was started from."`
	UserAgent      *string    `json:"user_agent"`
	Device         Device     `json:"device" doc:"What the user agent says of program and machine."`
	DeviceInfo     Device     `json:"device_info" doc:"The same as device, under its older name."`
	AuthMethods    []string   `json:"auth_methods" doc:"Proofs given at sign-in (RFC 8176)."`
	IsCurrent      bool       `json:"is_current" doc:"True for the session of this very request."`
	ComplianceOnly bool       `json:"is_compliance_only" doc:"True when it may only be used to enroll a factor."`
	ExpiresAt      time.Time  `json:"expires_at"`
	LastActivityAt time.Time  `json:"last_activity_at"`
	RevokedAt      *time.Time `json:"revoked_at"`
	RevokedReason  *string    `json:"revoked_reason"`
	CreatedAt      time.Time  `json:"created_at"`
	UpdatedAt      time.Time  `json:"updated_at"`
}

// view shows a row to its owner, who is asking through the session current. limited is true
// when whatever the owner does is limited to enrolling a factor.
func view(r *row, current string, limited bool) Session {
	var device Device
	if r.UserAgent != nil {
		device = deviceOf(*r.UserAgent)
	} else {
		device = deviceOf("")
	}
	return Session{
		ID: r.ID, UserID: r.UserID, Status: r.Status, IPAddress: r.IPAddress, UserAgent: r.UserAgent,
		Device: device, DeviceInfo: device, AuthMethods: methodsOf(r.AuthMethods),
		IsCurrent: r.ID == current, ComplianceOnly: r.ComplianceOnly || limited,
		ExpiresAt: r.ExpiresAt.UTC(), LastActivityAt: r.LastActivityAt.UTC(),
		RevokedAt: r.RevokedAt, RevokedReason: r.RevokedReason,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}
