package authn

import (
	"context"
	"time"
)

// Principal is the signed-in user and session that a request acts for.
type Principal struct {
	// SessionID names the session (UUIDv7).
	SessionID string
	// UserID names the user (UUIDv7).
	UserID string
	// AuthMethods are the ways the user proved who they are, in RFC 8176 values
	// such as "pwd", "otp", "hwk", in the order they were given.
	AuthMethods []string
	// AuthenticatedAt is when the user last proved who they are.
	AuthenticatedAt time.Time
	// FreshFor is how long after AuthenticatedAt the proof counts as recent, where an
	// operation asks for that. Zero is never.
	FreshFor time.Duration
	// ExpiresAt is when the session dies if no further request comes.
	ExpiresAt time.Time
	// AbsoluteExpiresAt is when the session dies whatever happens.
	AbsoluteExpiresAt time.Time
	// ComplianceOnly is true for a session that may only be used to enroll a factor.
	ComplianceOnly bool
	// ByCookie is true when the request was authenticated by the session cookie.
	ByCookie bool
	// Account is the user's own data as it was when the session was last read from
	// the database; every change of the user re-reads it before the next request.
	Account Account
}

// Account is what the system knows of a user without asking the database: the
// self-contained snapshot kept beside each session.
type Account struct {
	// UserID names the user (UUIDv7).
	UserID string
	// Email is the lower-cased address.
	Email string
	// EmailVerified is true once the user proved to own Email.
	EmailVerified bool
	// Status is the user's status as in the API: active, inactive, suspended,
	// pending or compliance_suspended.
	Status string
	// CredentialVersion rises with every change of the user's password or factors. A
	// sign-in whose proof was checked against another version than the one found when
	// the session is issued is refused: the proof may be the one that was taken away.
	CredentialVersion int64
	// SecondFactor is true when the user has a second factor that works, whether or not they
	// showed it.
	SecondFactor bool
	// RestrictedFrom is when the deadline of an organization passes, or passed, by which the
	// user was to have a second factor: from then on their sessions may only be used to
	// enroll one. Zero is never.
	RestrictedFrom time.Time
	// ETag is the entity tag of the profile, quotes included (RFC 9110 §8.8.3).
	ETag string
	// Profile is the JSON object that GET /api/v1/users/me shows as "user".
	Profile []byte
}

type contextKey int

const (
	principalKey contextKey = iota
	clientKey
	demandKey
)

// Restricted reports whether the user may do nothing at now but enroll a second factor.
func (a *Account) Restricted(now time.Time) bool {
	return !a.RestrictedFrom.IsZero() && !now.Before(a.RestrictedFrom)
}

// WithPrincipal returns a context of a request that acts for p.
func WithPrincipal(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, principalKey, p)
}

// PrincipalFrom returns the principal of the request and whether there is one.
// Operations that require a session always have one.
func PrincipalFrom(ctx context.Context) (*Principal, bool) {
	p, ok := ctx.Value(principalKey).(*Principal)
	return p, ok
}
