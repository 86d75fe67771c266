package compliance

import "time"

// The examples of the document.

const (
	exampleOrganizationID = "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a31"
	exampleUserID         = "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30"
)

func exampleTime(day int) *time.Time {
	t := time.Date(2026, time.November, day, 9, 0, 0, 0, time.UTC)
	return &t
}

func exampleNumber(n int64) *int64 { return &n }

func examplePolicyBody() SecurityPolicyBody {
	mode := ModeEither
	return SecurityPolicyBody{Mode: &mode, GraceDays: exampleNumber(14), NotifyDays: exampleNumber(7)}
}

func examplePolicy() SecurityPolicyResult {
	return Policy{Mode: ModeEither, GraceDays: 14, NotifyDays: 7, Version: 1}.shown(exampleOrganizationID)
}

func exampleOverride() UserSecurityPolicyResult {
	return UserSecurityPolicyResult{Policy: UserSecurityPolicy{UserID: exampleUserID, OrganizationID: exampleOrganizationID, Mode: OverrideExempt}}
}

func exampleStandings() MemberStandings {
	name := "Carol Developer"
	return MemberStandings{Count: 1, Limit: 100, Compliance: []MemberStanding{{
		UserID: exampleUserID, Email: "carol@acme-corp.com", FullName: &name, Status: StatusInGrace,
		DeadlineAt: exampleTime(24), AppliedAt: exampleTime(10), NotificationCount: 1,
	}}}
}

func exampleOwn() OwnComplianceResult {
	return OwnComplianceResult{Compliance: OwnCompliance{
		Overall: StatusInGrace, Missing: []string{MethodTOTP, MethodWebAuthn}, DeadlineAt: exampleTime(24),
		Orgs: []OwnStanding{{
			OrganizationID: exampleOrganizationID, OrganizationName: "Acme Corporation", Status: StatusInGrace, EffectiveMode: ModeEither,
			DeadlineAt: exampleTime(24), AppliedAt: exampleTime(10),
		}},
	}}
}
