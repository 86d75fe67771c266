package compliance

import (
	"context"

	"github.com/authy2/backend/platform/authn"
)

var _ authn.Compliance = (*Service)(nil)

// ComplianceOf is part of [authn.Compliance].
func (s *Service) ComplianceOf(ctx context.Context, userID string, of []authn.Affiliation) (authn.ComplianceOverview, error) {
	o, err := s.OverviewOf(ctx, userID, of)
	if err != nil {
		return authn.ComplianceOverview{}, err
	}
	overview := authn.ComplianceOverview{
		OverallStatus: string(o.OverallStatus), MissingMethods: o.MissingMethods, DeadlineAt: o.DeadlineAt,
		Orgs: make([]authn.ComplianceOrganization, len(o.Organizations)),
	}
	for i, one := range o.Organizations {
		overview.Orgs[i] = authn.ComplianceOrganization{
			OrganizationID: one.OrganizationID, OrganizationName: one.OrganizationName, Status: string(one.Status), DeadlineAt: one.DeadlineAt,
		}
	}
	return overview, nil
}
