package main

import (
	"context"

	"github.com/uptrace/bun"
	"go.uber.org/fx"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/kernel"
)

var (
	_ compliance.Members = members{}
	_ authn.SignInGate   = (*compliance.Gate)(nil)
)

// wireCompliance has organizations ask for second factors, where there are both.
func wireCompliance(plan *kernel.Plan) fx.Option {
	if !plan.Features("identity").With(identity.FeatureMFA, "tenancy") {
		return fx.Provide(
			func() authn.Compliance { return authn.NoCompliance{} },
			func() complianceGate { return complianceGate{authn.NoGate{}} },
		)
	}
	return fx.Provide(
		func(d *tenancy.Directory) compliance.Members { return members{d} },
		func(s *compliance.Service) authn.Compliance { return s },
		func(g *compliance.Gate) complianceGate { return complianceGate{g} },
	)
}

// complianceGate is the gate that restricts who lacks a factor that is asked of them.
type complianceGate struct{ authn.SignInGate }

// members tells the policies who belongs to what.
type members struct{ *tenancy.Directory }

// Belongings is part of [compliance.Members].
func (m members) Belongings(ctx context.Context, db bun.IDB, userID string) ([]authn.Affiliation, error) {
	found, err := m.StandingOf(ctx, db, userID)
	if err != nil {
		return nil, err
	}
	all := make([]authn.Affiliation, len(found.Belongings))
	for i, b := range found.Belongings {
		all[i] = authn.Affiliation{ID: b.ID, Name: b.Name}
	}
	return all, nil
}
