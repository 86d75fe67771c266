package sessions

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/secret"
)

// Credentials checks passwords. identity's Directory is one.
type Credentials interface {
	// CheckPassword returns the account whose email and password these are. Unknown
	// email and wrong password are the same apperr.ErrAuthentication in the same time; the
	// account beside that error names the account whose password it was not, by UserID
	// alone, and no answer may depend on it.
	CheckPassword(ctx context.Context, email string, password secret.String) (authn.Account, error)
}

// Accounts knows users.
type Accounts interface {
	// RecordSignIn notes time and address of a sign-in in tx, holds the user against
	// deletion until tx ends (row lock), and returns the account as it is then. It is
	// apperr.ErrAuthentication when the user is gone. One statement.
	RecordSignIn(ctx context.Context, tx bun.Tx, userID string, at time.Time, client authn.Client) (authn.Account, error)
	// Account returns the user as it is now, apperr.ErrNotFound when gone. It is not
	// called inside a transaction.
	Account(ctx context.Context, userID string) (authn.Account, error)
}

// LimitRules are how long a session may idle and live. Zero says nothing.
type LimitRules struct {
	Idle     time.Duration
	Absolute time.Duration
}

// Limits gives the shortest rules of the user's organizations. They can shorten a
// session, never lengthen it. Whatever changes them records an invalidation of the user.
type Limits interface {
	// LimitsOf reads through db: the transaction of a sign-in, or the read pool.
	LimitsOf(ctx context.Context, db bun.IDB, userID string) (LimitRules, error)
}

// NoLimits is Limits of a system without organizations.
type NoLimits struct{}

// LimitsOf returns no rules.
func (NoLimits) LimitsOf(context.Context, bun.IDB, string) (LimitRules, error) {
	return LimitRules{}, nil
}

// Organization is a membership as GET /api/v1/auth/me lists it.
type Organization struct {
	ID   string `json:"id" format:"uuid"`
	Name string `json:"name"`
	Slug string `json:"slug"`
	Role string `json:"role" enum:"owner,admin,member,guest"`
}

// Organizations lists what a user belongs to, in a stable order.
type Organizations interface {
	OrganizationsOf(ctx context.Context, userID string) ([]Organization, error)
}

// NoOrganizations is Organizations of a system without organizations.
type NoOrganizations struct{}

// OrganizationsOf returns none.
func (NoOrganizations) OrganizationsOf(context.Context, string) ([]Organization, error) {
	return []Organization{}, nil
}

// ComplianceOrganization is one organization's part of a [ComplianceOverview].
type ComplianceOrganization struct {
	OrganizationID   string     `json:"organization_id" format:"uuid"`
	OrganizationName string     `json:"organization_name"`
	Status           string     `json:"status"`
	DeadlineAt       *time.Time `json:"deadline_at"`
}

// ComplianceOverview says whether a user has the second factors that their
// organizations ask for.
type ComplianceOverview struct {
	OverallStatus  string                   `json:"overall_status"`
	MissingMethods []string                 `json:"missing_methods" nullable:"false"`
	DeadlineAt     *time.Time               `json:"deadline_at"`
	Orgs           []ComplianceOrganization `json:"orgs" nullable:"false"`
}

// Compliance evaluates the second-factor policies that bind a user.
type Compliance interface {
	ComplianceOf(ctx context.Context, userID string) (ComplianceOverview, error)
}

// NoCompliance is Compliance of a system without policies: everybody is compliant.
type NoCompliance struct{}

// ComplianceOf returns an overview without complaints.
func (NoCompliance) ComplianceOf(context.Context, string) (ComplianceOverview, error) {
	return ComplianceOverview{
		OverallStatus:  "compliant",
		MissingMethods: []string{},
		Orgs:           []ComplianceOrganization{},
	}, nil
}

// SecondFactors knows who has a second factor. Whatever changes that records an
// invalidation of the user, in the transaction that changes it.
type SecondFactors interface {
	// Has reports whether the user has a second factor that works. It reads through db. One
	// statement. Sign-ins do not ask: the gate of second factors says it in its decision.
	Has(ctx context.Context, db bun.IDB, userID string) (bool, error)
}

// NoSecondFactors is SecondFactors of a system without second factors.
type NoSecondFactors struct{}

// Has returns false.
func (NoSecondFactors) Has(context.Context, bun.IDB, string) (bool, error) { return false, nil }

// StepUpProof is what a signed-in user proves with again who they are. Exactly one of
// Code and Assertion is set.
type StepUpProof struct {
	// Code is a one-time code.
	Code secret.String
	// Assertion is what a passkey answered, a JSON object as browsers give it. It carries the
	// challenge that it answers.
	Assertion []byte
	// Client is where the request comes from.
	Client authn.Client
}

// Factors checks second factors of users who are signed in.
type Factors interface {
	// Verify uses up a proof of p's user and returns its method, one that
	// [authn.IsSecondFactor] knows. A wrong one is [apperr.ErrAuthentication], which the
	// caller counts. It is not called inside a transaction.
	Verify(ctx context.Context, p *authn.Principal, proof StepUpProof) (method string, err error)
}

// NoFactors is Factors of a system without second factors.
type NoFactors struct{}

// Verify refuses every proof.
func (NoFactors) Verify(context.Context, *authn.Principal, StepUpProof) (string, error) {
	return "", apperr.ErrAuthentication
}

// Gates are the rules that every sign-in passes, asked in the order of the fields.
// A rule whose module is off is authn.NoGate{}; nil is refused when the service is built.
type Gates struct {
	// Status refuses users who may not sign in.
	Status authn.SignInGate
	// VerifiedEmail refuses users who must first prove to own their address.
	VerifiedEmail authn.SignInGate
	// EnforcedSSO refuses users whose organization has them sign in elsewhere.
	EnforcedSSO authn.SignInGate
	// SecondFactor challenges users who have one.
	SecondFactor authn.SignInGate
	// Compliance restricts users who lack a factor that is required of them.
	Compliance authn.SignInGate
}
