package tenancy

import (
	"context"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/web"
)

// Endpoints shows the operations to the tests.
func (s *Service) Endpoints() []httpx.Endpoint { return handler{s}.endpoints() }

// Pages shows the pages to the tests.
func (s *Service) Pages() []web.Page { return handler{s}.pages() }

// Actions shows the audit vocabulary to the tests.
func Actions() []string { return actions() }

// Subscriptions shows what the module hears to the tests.
func Subscriptions(s *Service) []events.Subscription {
	return s.subscriptions()
}

// Permissions shows the table of roles to the tests.
func Permissions() map[Role][]authn.Permission { return permissions() }

// SlugOf shows how a slug is made to the tests.
func SlugOf(name string) string { return slugOf(name) }

// Export shows the module's section of an export to the tests.
func (d *Directory) Export(ctx context.Context, userID string) (any, error) {
	return d.export(ctx, userID)
}

// Commands shows the module's commands to the tests.
func Commands(s *Service) []kernel.Command { return commands(NewOperator(s)) }
