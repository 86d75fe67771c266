package compliance

import "time"

// SecurityPolicyBody is the body of a policy. What is absent is what there is without one.
type SecurityPolicyBody struct {
	Mode       *Mode  `json:"mfa_policy_mode,omitzero" nullable:"false" enum:"disabled,optional,require_totp,require_webauthn,require_totp_or_webauthn" doc:"optional when it is absent."`
	GraceDays  *int64 `json:"mfa_grace_period_days,omitzero" nullable:"false" minimum:"0" maximum:"365" doc:"Days that a member has from the day on which a second factor was first asked of them; 14 when it is absent. With 0 they are past due at once."`
	NotifyDays *int64 `json:"notify_days_before,omitzero" nullable:"false" minimum:"0" maximum:"30" doc:"How many days before the deadline members are reminded, once in 24 hours; 7 when it is absent."`
}

// SecurityPolicy is what an organization asks of its members' second factors, as the API
// shows it.
type SecurityPolicy struct {
	OrganizationID string `json:"organization_id" format:"uuid"`
	Mode           Mode   `json:"mfa_policy_mode" enum:"disabled,optional,require_totp,require_webauthn,require_totp_or_webauthn"`
	GraceDays      int64  `json:"mfa_grace_period_days" minimum:"0" maximum:"365"`
	NotifyDays     int64  `json:"notify_days_before" minimum:"0" maximum:"30"`
	Version        int64  `json:"policy_version" minimum:"0" doc:"Rises with every change; 0 while nothing was ever set."`
}

// SecurityPolicyResult is a policy.
type SecurityPolicyResult struct {
	Policy SecurityPolicy `json:"security_policy"`
}

// SecurityOverrideBody is the body of an exemption or demand of one member.
type SecurityOverrideBody struct {
	Mode          OverrideMode `json:"mfa_override_mode" enum:"inherit,required,exempt" doc:"required asks for a second factor also where the organization leaves it to its members."`
	ForceTOTP     bool         `json:"force_totp,omitzero" doc:"With required: an authenticator app is asked for, whatever the organization asks."`
	ForceWebAuthn bool         `json:"force_webauthn,omitzero" doc:"With required: a passkey is asked for, whatever the organization asks."`
}

// UserSecurityPolicy is what is asked of one member in their own right.
type UserSecurityPolicy struct {
	UserID         string       `json:"user_id" format:"uuid"`
	OrganizationID string       `json:"organization_id" format:"uuid"`
	Mode           OverrideMode `json:"mfa_override_mode" enum:"inherit,required,exempt"`
	ForceTOTP      bool         `json:"force_totp"`
	ForceWebAuthn  bool         `json:"force_webauthn"`
}

// UserSecurityPolicyResult is what is asked of one member.
type UserSecurityPolicyResult struct {
	Policy UserSecurityPolicy `json:"user_security_policy"`
}

// MemberStanding is how a member stands to what their organization asks.
type MemberStanding struct {
	UserID            string     `json:"user_id" format:"uuid"`
	Email             string     `json:"email" format:"idn-email"`
	FullName          *string    `json:"full_name"`
	Status            Status     `json:"status" enum:"not_applicable,compliant,pending,in_grace,past_due,suspended"`
	DeadlineAt        *time.Time `json:"deadline_at" doc:"Null while nothing is missing."`
	AppliedAt         *time.Time `json:"applied_at" doc:"Since when a second factor is asked of the member."`
	CompliantAt       *time.Time `json:"compliant_at"`
	SuspendedAt       *time.Time `json:"suspended_at"`
	NotificationCount int64      `json:"notification_count" minimum:"0"`
}

// MemberStandings is a page of members.
type MemberStandings struct {
	Compliance []MemberStanding `json:"compliance" nullable:"false"`
	Count      int              `json:"count" minimum:"0" doc:"How many members this page holds."`
	Limit      int              `json:"limit" minimum:"1"`
	Offset     int              `json:"offset" minimum:"0"`
}

// OwnStanding is how the caller stands to what one organization asks.
type OwnStanding struct {
	OrganizationID   string     `json:"organization_id" format:"uuid"`
	OrganizationName string     `json:"organization_name"`
	Status           Status     `json:"status" enum:"not_applicable,compliant,pending,in_grace,past_due,suspended"`
	EffectiveMode    Mode       `json:"effective_mode" enum:"disabled,optional,require_totp,require_webauthn,require_totp_or_webauthn"`
	DeadlineAt       *time.Time `json:"deadline_at" doc:"Null while nothing is missing."`
	AppliedAt        *time.Time `json:"applied_at"`
}

// OwnCompliance is how the caller stands to what their organizations ask.
type OwnCompliance struct {
	Overall    Status        `json:"overall_status" enum:"compliant,pending,in_grace,past_due,suspended" doc:"The worst of all."`
	Missing    []string      `json:"missing_methods" nullable:"false" enum:"totp,webauthn" doc:"What would satisfy them."`
	DeadlineAt *time.Time    `json:"deadline_at" doc:"The earliest of those that are not satisfied."`
	Orgs       []OwnStanding `json:"orgs" nullable:"false"`
}

// OwnComplianceResult is how the caller stands to what their organizations ask.
type OwnComplianceResult struct {
	Compliance OwnCompliance `json:"mfa_compliance"`
}
