package identity

import (
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/privacy"
	"github.com/authy2/backend/platform/ratelimit"
	"github.com/authy2/backend/platform/web"
)

// Endpoints shows the operations to the tests.
func (s *Service) Endpoints() []httpx.Endpoint { return handler{s}.endpoints() }

// Pages shows the pages to the tests.
func (s *Service) Pages() []web.Page { return handler{s}.pages() }

// Exporter shows the module's section of an export to the tests.
func (d *Directory) Exporter() privacy.Exporter {
	return privacy.Exporter{Section: exportSection, Export: d.exportUser}
}

// Samples shows the sample users: email to password.
func Samples() map[string]string {
	all := map[string]string{}
	for _, s := range samples() {
		all[s.email] = s.password
	}
	return all
}

// Commands shows the module's commands to the tests.
func Commands(s *Service, tokens *crypto.Tokens) []kernel.Command {
	return commands(NewAdmin(s), tokens)
}

// Actions shows the audit vocabulary to the tests.
func Actions() []string { return actions() }

// Limits shows the rate limits to the tests.
func Limits() []ratelimit.Limit { return limits() }

// Subscriptions shows what the module hears to the tests.
func Subscriptions(s *Service) []events.Subscription { return s.subscriptions() }

// ParseToken shows the parser of tokens to the tests.
func ParseToken(token string) ([]byte, bool) { return parseToken(token) }
