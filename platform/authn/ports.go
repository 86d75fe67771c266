package authn

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/secret"
)

// Authenticator tells whom a session token belongs to. The sessions module is one.
type Authenticator interface {
	// Authenticate returns the principal of the token and slides its idle window.
	// It returns [apperr.ErrInvalidToken] for a token that is unknown, revoked or
	// marked expired, [apperr.ErrSessionInactive] for one past its limits, and
	// [apperr.ErrUnavailable] when that cannot be told.
	Authenticate(ctx context.Context, token string) (*Principal, error)
}

// NoAuthenticator is the Authenticator of a system without sessions. The kernel
// leaves out every operation that needs a session then, so it is never asked.
type NoAuthenticator struct{}

// Authenticate refuses every token.
func (NoAuthenticator) Authenticate(context.Context, string) (*Principal, error) {
	return nil, apperr.ErrInvalidToken
}

// Flow is the way in which somebody signs in.
type Flow string

// The flows of the system. Modules may add their own.
const (
	FlowPassword Flow = "password"
	FlowRegister Flow = "register"
	FlowPasskey  Flow = "passkey"
)

// Attempt is a sign-in whose first proof succeeded and which now asks to be completed.
type Attempt struct {
	// Account is the user who signs in, as the module that checked the proof knows it.
	Account Account
	// Flow is how they signed in.
	Flow Flow
	// Methods are the proofs given so far, in RFC 8176 values ("pwd", "otp", …).
	Methods []string
	// Remember asks for the longer limits, where the operator allows them.
	Remember bool
	// Client is where the attempt came from.
	Client Client
}

// Outcome is how a sign-in ended: with a session, or with a challenge for one more
// proof. Exactly one of Session and Challenge is set.
type Outcome struct {
	Session   *IssuedSession
	Challenge *Challenge
}

// IssuedSession is a session that was just created. Its token is shown once.
type IssuedSession struct {
	ID                string
	Token             secret.String
	ExpiresAt         time.Time
	AbsoluteExpiresAt time.Time
	// Account is the user after the sign-in was recorded.
	Account Account
	// ComplianceOnly is true when the session may only be used to enroll a factor.
	ComplianceOnly bool
	// Affiliations are the organizations that the user belonged to at that moment.
	Affiliations []Affiliation
}

// Affiliation is an organization that a user belongs to.
type Affiliation struct {
	ID   string
	Name string
}

// ChallengeCookie is the cookie in which browsers keep the token of a [Challenge].
const ChallengeCookie = "authy2_mfa"

// Challenge asks for a further proof before a session is given.
type Challenge struct {
	// Token names the pending sign-in; it is a secret of the client that started it.
	Token secret.String
	// Methods are the proofs that would do, in the order the user prefers.
	Methods []string
	// ExpiresAt is when the challenge is void.
	ExpiresAt time.Time
}

// SessionIssuer completes sign-ins. Every way of signing in ends in it, so that no
// way can be forgotten by a rule. The sessions module is one.
type SessionIssuer interface {
	// CompleteSignIn asks every gate and issues a session in tx. The error of a gate
	// that refuses is an [*apperr.Error] and must roll tx back.
	CompleteSignIn(ctx context.Context, tx bun.Tx, a Attempt) (Outcome, error)
	// Enabled reports whether sessions exist at all; without them registration
	// answers with the user alone.
	Enabled() bool
}

// NoSessions is the SessionIssuer of a system without the sessions module.
type NoSessions struct{}

// CompleteSignIn refuses: nobody can be signed in without sessions.
func (NoSessions) CompleteSignIn(context.Context, bun.Tx, Attempt) (Outcome, error) {
	return Outcome{}, apperr.ErrUnavailable
}

// Enabled returns false.
func (NoSessions) Enabled() bool { return false }

// Verdict is what a gate says of an attempt.
type Verdict int

// The verdicts. The zero value refuses, so that a forgotten answer opens nothing.
const (
	Refuse Verdict = iota
	Continue
	ChallengeNeeded
	Restrict
)

// Decision is the answer of a gate.
type Decision struct {
	Verdict Verdict
	// Methods are the proofs that would satisfy a ChallengeNeeded verdict.
	Methods []string
	// Challenge is what the client is asked. It must be set when Verdict is
	// ChallengeNeeded: the gate has stored the pending sign-in in the transaction it
	// was given and minted the token that names it.
	Challenge *Challenge
	// Err is what a refused client is told. It must be set when Verdict is Refuse.
	Err *apperr.Error
}

// SignInGate may stop or restrict a sign-in. Gates are asked in a fixed order:
// status, verified email, enforced SSO, second factor, compliance. An error refuses.
type SignInGate interface {
	// Check judges the attempt. tx is the transaction the session would be issued in.
	Check(ctx context.Context, tx bun.Tx, a Attempt) (Decision, error)
}

// NoGate is the gate of a rule whose module is off: it lets everybody through.
type NoGate struct{}

// Check continues.
func (NoGate) Check(context.Context, bun.Tx, Attempt) (Decision, error) {
	return Decision{Verdict: Continue}, nil
}
