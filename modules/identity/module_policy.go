package identity

import (
	"log/slog"

	"go.uber.org/fx"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/privacy"
)

// policyExtension is what the policies of organizations add to the module's contribution.
type policyExtension extension

// noPolicies is a system in which nobody asks for second factors.
func noPolicies() fx.Option {
	return fx.Provide(fx.Private, func() policyExtension { return policyExtension{} })
}

// organizationPolicies are the constructors of what organizations ask of their members. They
// give [*compliance.Service] and [*compliance.Gate]. The wiring gives them [compliance.Members].
func organizationPolicies() fx.Option {
	return fx.Options(
		fx.Provide(newPolicies, compliance.NewGate),
		fx.Provide(fx.Private, NewJudged, newPolicyExtension),
	)
}

type policyDependencies struct {
	fx.In

	DB         *database.DB
	Clock      clock.Clock
	Bus        *events.Bus
	Jobs       *jobs.Client
	Authorizer authn.Authorizer
	Members    compliance.Members
	Directory  *Directory
	Judged     Judged
	Factors    *factor.Factors
	Log        *slog.Logger
}

func newPolicies(d policyDependencies) *compliance.Service {
	return compliance.NewService(compliance.Parts{
		DB: d.DB, Clock: d.Clock, Bus: d.Bus, Jobs: d.Jobs, Authorizer: d.Authorizer, Members: d.Members, People: d.Directory,
		Users: d.Judged, Factors: NewHoldings(d.Factors), Notices: d.Judged, Log: d.Log,
	})
}

func newPolicyExtension(s *compliance.Service) policyExtension {
	return policyExtension{
		Endpoints: s.Endpoints(), Jobs: s.Jobs(), Workers: s.Workers(), Subscriptions: s.Subscriptions(), Actions: compliance.Actions(),
		Exporters: []privacy.Exporter{s.Exporter()},
	}
}
