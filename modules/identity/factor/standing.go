package factor

import (
	"context"
	"time"

	"github.com/authy2/backend/platform/authn"
)

// OrganizationStanding is how somebody stands to what one organization asks of them.
type OrganizationStanding struct {
	OrganizationID   string     `json:"organization_id" format:"uuid"`
	OrganizationName string     `json:"organization_name"`
	Status           string     `json:"status"`
	DeadlineAt       *time.Time `json:"deadline_at"`
}

// FactorStanding says whether somebody has the second factors that their organizations ask
// for.
type FactorStanding struct {
	OverallStatus  string                 `json:"overall_status"`
	MissingMethods []string               `json:"missing_methods" nullable:"false"`
	DeadlineAt     *time.Time             `json:"deadline_at"`
	Orgs           []OrganizationStanding `json:"orgs" nullable:"false"`
}

// Standings tells what organizations ask of whoever has just signed in.
type Standings interface {
	// StandingOf tells what the organizations that a user belongs to ask of them. It writes
	// nothing, and is not called inside a transaction.
	StandingOf(ctx context.Context, userID string, of []authn.Affiliation) (FactorStanding, error)
}

// NoStandings is Standings of a system in which no organization asks for anything.
type NoStandings struct{}

// StandingOf returns a standing without complaints.
func (NoStandings) StandingOf(context.Context, string, []authn.Affiliation) (FactorStanding, error) {
	return FactorStanding{OverallStatus: "compliant", MissingMethods: []string{}, Orgs: []OrganizationStanding{}}, nil
}

// completed is the answer of a sign-in that a second factor completed.
func completed(ctx context.Context, standings Standings, session *authn.IssuedSession) (CompletedSignIn, error) {
	standing, err := standings.StandingOf(ctx, session.Account.UserID, session.Affiliations)
	return CompletedSignIn{
		User: session.Account.Profile, Token: session.Token.Reveal(), ExpiresAt: session.ExpiresAt,
		Compliance: standing, NeedsEnrollment: session.ComplianceOnly,
	}, err
}
