package authn

import (
	"context"
	"time"
)

// ComplianceOrganization is one organization's part of a [ComplianceOverview].
type ComplianceOrganization struct {
	OrganizationID   string     `json:"organization_id" format:"uuid"`
	OrganizationName string     `json:"organization_name"`
	Status           string     `json:"status"`
	DeadlineAt       *time.Time `json:"deadline_at"`
}

// ComplianceOverview says whether a user has the second factors that their
// organizations ask for. Every answer to a completed sign-in shows it.
type ComplianceOverview struct {
	OverallStatus  string                   `json:"overall_status"`
	MissingMethods []string                 `json:"missing_methods" nullable:"false"`
	DeadlineAt     *time.Time               `json:"deadline_at"`
	Orgs           []ComplianceOrganization `json:"orgs" nullable:"false"`
}

// Compliance evaluates the second-factor policies that bind a user.
type Compliance interface {
	// ComplianceOf tells what the organizations that a user belongs to ask of them. It writes
	// nothing, and is not called inside a transaction.
	ComplianceOf(ctx context.Context, userID string, of []Affiliation) (ComplianceOverview, error)
}

// NoCompliance is Compliance of a system without policies: everybody is compliant.
type NoCompliance struct{}

// ComplianceOf returns an overview without complaints.
func (NoCompliance) ComplianceOf(context.Context, string, []Affiliation) (ComplianceOverview, error) {
	return Compliant(), nil
}

// Compliant is the overview of somebody of whom nothing is asked.
func Compliant() ComplianceOverview {
	return ComplianceOverview{OverallStatus: "compliant", MissingMethods: []string{}, Orgs: []ComplianceOrganization{}}
}
