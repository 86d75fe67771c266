package compliance

import (
	"context"

	"github.com/authy2/backend/platform/privacy"
)

// Exporter gives the section of a user's export.
func (s *Service) Exporter() privacy.Exporter {
	return privacy.Exporter{Section: "mfa_compliance", Export: func(ctx context.Context, userID string) (any, error) {
		o, err := s.OverviewOf(ctx, userID, nil)
		return o.shown(), err
	}}
}
