package identity

import (
	"context"
	"log/slog"

	"github.com/uptrace/bun"
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
	return fx.Provide(fx.Private,
		func() factor.Standings { return factor.NoStandings{} },
		func() policyExtension { return policyExtension{} },
	)
}

// organizationPolicies are the constructors of what organizations ask of their members. They
// give [*compliance.Service] and [*compliance.Gate]. The wiring gives them [compliance.Members].
func organizationPolicies() fx.Option {
	return fx.Options(
		fx.Provide(newPolicies, compliance.NewGate),
		fx.Provide(fx.Private, NewJudged, newPolicyExtension, func(s *compliance.Service) factor.Standings { return asked{s} }),
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

var _ compliance.Factors = Holdings{}

// Holdings shows the policies which factors users have.
type Holdings struct{ factors *factor.Factors }

// NewHoldings returns the holdings that are in factors.
func NewHoldings(f *factor.Factors) Holdings { return Holdings{f} }

// FactorsOf is part of [compliance.Factors].
func (h Holdings) FactorsOf(ctx context.Context, db bun.IDB, ids []string) (map[string]compliance.Held, error) {
	found, err := h.factors.FactorsOf(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	held := make(map[string]compliance.Held, len(found))
	for userID, f := range found {
		held[userID] = compliance.Held{TOTP: f.TOTP, Passkey: f.Passkeys > 0}
	}
	return held, nil
}

// asked tells whoever has signed in by a second factor what is asked of them.
type asked struct{ policies *compliance.Service }

// StandingOf is part of [factor.Standings].
func (a asked) StandingOf(ctx context.Context, userID string, of []authn.Affiliation) (factor.FactorStanding, error) {
	organizations := make([]compliance.Organization, len(of))
	for i, o := range of {
		organizations[i] = compliance.Organization{ID: o.ID, Name: o.Name}
	}
	o, err := a.policies.OverviewOf(ctx, userID, organizations)
	if err != nil {
		return factor.FactorStanding{}, err
	}
	standing := factor.FactorStanding{
		OverallStatus: string(o.OverallStatus), MissingMethods: o.MissingMethods, DeadlineAt: o.DeadlineAt, Orgs: make([]factor.OrganizationStanding, len(o.Organizations)),
	}
	for i, one := range o.Organizations {
		standing.Orgs[i] = factor.OrganizationStanding{
			OrganizationID: one.OrganizationID, OrganizationName: one.OrganizationName, Status: string(one.Status), DeadlineAt: one.DeadlineAt,
		}
	}
	return standing, nil
}
