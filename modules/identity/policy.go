package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/authn"
)

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
