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

// Standing is what a user's organizations make of their sessions.
type Standing struct {
	// Limits are the shortest rules among the organizations. They can shorten a session,
	// never lengthen it.
	Limits LimitRules
	// Organizations are what the user belongs to, in a stable order.
	Organizations []Organization
}

// affiliations are the organizations as answers of sign-ins need them.
func (s Standing) affiliations() []authn.Affiliation {
	all := make([]authn.Affiliation, len(s.Organizations))
	for i, o := range s.Organizations {
		all[i] = authn.Affiliation{ID: o.ID, Name: o.Name}
	}
	return all
}

// Standings knows what users belong to. Whatever changes the limits of somebody's standing
// records an invalidation of the user.
type Standings interface {
	// StandingOf reads through db: the transaction of a sign-in, or the read pool. One
	// statement.
	StandingOf(ctx context.Context, db bun.IDB, userID string) (Standing, error)
}

// NoStandings is Standings of a system without organizations.
type NoStandings struct{}

// StandingOf returns no rules and no organizations.
func (NoStandings) StandingOf(context.Context, bun.IDB, string) (Standing, error) {
	return Standing{Organizations: []Organization{}}, nil
}

// Organization is a membership as GET /api/v1/auth/me lists it.
type Organization struct {
	ID   string `json:"id" format:"uuid"`
	Name string `json:"name"`
	Slug string `json:"slug"`
	Role string `json:"role" enum:"owner,admin,member,guest"`
}

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
