package compliance

import (
	"context"
	"fmt"
	"time"

	"github.com/authy2/backend/platform/privacy"
)

// exported is the section of a user's export: how they stand, and all that is kept of it.
type exported struct {
	OwnCompliance

	Members []exportedMember `json:"memberships"`
}

// exportedMember is what is kept of a member: also what was decided about them alone, and when
// they were reminded.
type exportedMember struct {
	OrganizationID    string       `json:"organization_id"`
	OverrideMode      OverrideMode `json:"mfa_override_mode"`
	ForceTOTP         bool         `json:"force_totp"`
	ForceWebAuthn     bool         `json:"force_webauthn"`
	EffectiveMode     Mode         `json:"effective_mode"`
	AppliedAt         *time.Time   `json:"applied_at"`
	DeadlineAt        *time.Time   `json:"deadline_at"`
	CompliantAt       *time.Time   `json:"compliant_at"`
	SuspendedAt       *time.Time   `json:"suspended_at"`
	LastNotifiedAt    *time.Time   `json:"last_notified_at"`
	NotificationCount int64        `json:"notification_count"`
	CreatedAt         time.Time    `json:"created_at"`
}

// Exporter gives the section of a user's export.
func (s *Service) Exporter() privacy.Exporter {
	return privacy.Exporter{Section: "mfa_compliance", Export: func(ctx context.Context, userID string) (any, error) {
		o, err := s.OverviewOf(ctx, userID, nil)
		if err != nil {
			return nil, err
		}
		members, err := s.rows.export(ctx, userID)
		return exported{o.shown(), members}, err
	}}
}

// export returns what is kept of a user, the oldest first.
func (s *memberStore) export(ctx context.Context, userID string) ([]exportedMember, error) {
	list := []exportedMember{}
	err := s.exported.Query(ctx, func(scan func(...any) error) error {
		var r Row
		if err := scan(r.fields()...); err != nil {
			return err
		}
		list = append(list, exportedMember{
			OrganizationID: r.OrganizationID, OverrideMode: r.Override.Mode, ForceTOTP: r.Override.ForceTOTP, ForceWebAuthn: r.Override.ForceWebAuthn,
			EffectiveMode: r.EffectiveMode, AppliedAt: r.AppliedAt, DeadlineAt: r.DeadlineAt, CompliantAt: r.CompliantAt, SuspendedAt: r.SuspendedAt,
			LastNotifiedAt: r.LastNotifiedAt, NotificationCount: r.NotificationCount, CreatedAt: r.CreatedAt.UTC(),
		})
		return nil
	}, userID)
	if err != nil {
		return nil, fmt.Errorf("compliance: export a member: %w", err)
	}
	return list, nil
}
