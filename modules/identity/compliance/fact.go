package compliance

import (
	"strconv"

	"github.com/authy2/backend/platform/events"
)

// The actions of this package in the audit trail.
const (
	// ActionPolicy is another policy of an organization.
	ActionPolicy = "mfa.policy.update"
	// ActionOverride is another rule for one member.
	ActionOverride = "mfa.policy.override"
	// ActionReminder is a mail that reminds a member of a deadline.
	ActionReminder = "mfa.policy.reminder_sent"
	// ActionSuspended is a member whose deadline has passed.
	ActionSuspended = "mfa.policy.user_suspended"
	// ActionRestored is a user whom no organization suspends any more.
	ActionRestored = "mfa.policy.user_restored"
)

// Actions is the audit vocabulary of the policies.
func Actions() []string {
	return []string{ActionPolicy, ActionOverride, ActionReminder, ActionSuspended, ActionRestored}
}

// aboutPolicy is the fact of a policy that was replaced.
func aboutPolicy(actorID string, old, p Policy) events.Fact {
	return events.Fact{
		Action: ActionPolicy, ActorID: actorID, ResourceType: "organization", ResourceID: p.OrganizationID,
		OrganizationID: p.OrganizationID, Success: true, Metadata: map[string]string{
			"from": string(old.Mode), "to": string(p.Mode), "version": strconv.FormatInt(p.Version, 10),
			"grace_days": strconv.FormatInt(p.GraceDays, 10), "notify_days": strconv.FormatInt(p.NotifyDays, 10),
		},
	}
}

// aboutMember is the fact of something that was done to a user as a member of an
// organization; actorID is empty when nobody did it.
func aboutMember(action, actorID, organizationID, userID string, metadata map[string]string) events.Fact {
	return events.Fact{
		Action: action, ActorID: actorID, ResourceType: "user", ResourceID: userID,
		OrganizationID: organizationID, Success: true, Metadata: metadata,
	}
}

// overrideMetadata describes an override.
func overrideMetadata(from, to Override) map[string]string {
	return map[string]string{
		"from": string(from.normal().Mode), "to": string(to.normal().Mode),
		"force_totp": strconv.FormatBool(to.ForceTOTP), "force_webauthn": strconv.FormatBool(to.ForceWebAuthn),
	}
}
