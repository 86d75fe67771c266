package contact

import (
	"context"

	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/ratelimit"
)

// StreamPage is how many enquiries are in memory.
const StreamPage = streamPage

// ExportLimit is how many enquiries an export of somebody's data holds.
const ExportLimit = exportLimit

// Endpoints shows the operations to the tests.
func (s *Service) Endpoints() []httpx.Endpoint { return handler{s}.endpoints() }

// Limits shows the rate limits to the tests.
func Limits() []ratelimit.Limit { return limits() }

// Actions shows the audit vocabulary to the tests.
func Actions() []string { return actions() }

// Subscriptions shows what the module hears to the tests.
func (s *Service) Subscriptions() []events.Subscription { return newContribution(s).Subscriptions }

// Export shows the module's section of an export to the tests.
func (s *Service) Export(ctx context.Context, userID string) (any, error) {
	return s.export(ctx, userID)
}

// Commands shows the module's commands to the tests.
func (s *Service) Commands() []kernel.Command { return s.commands() }
