package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
)

// VerifiedEmailGate lets users sign in who have proved their address, where the operator
// wants that. It is asked after the right password.
type VerifiedEmailGate struct{ required bool }

// NewVerifiedEmailGate returns the gate that the configuration asks for.
func NewVerifiedEmailGate(c Config) *VerifiedEmailGate {
	return &VerifiedEmailGate{required: c.RequireVerifiedEmail}
}

// Check refuses users whose address is not verified with [ErrEmailNotVerified].
func (g *VerifiedEmailGate) Check(_ context.Context, _ bun.Tx, a authn.Attempt) (authn.Decision, error) {
	if g.holds(a.Account) {
		return authn.Decision{Verdict: authn.Refuse, Err: ErrEmailNotVerified}, nil
	}
	return authn.Decision{Verdict: authn.Continue}, nil
}

// holds reports whether the account must be verified before anybody signs in to it.
func (g *VerifiedEmailGate) holds(a authn.Account) bool { return g.required && !a.EmailVerified }

// StatusGate lets users sign in whose status allows it. It is asked after the right
// password, so that nobody else learns the status.
type StatusGate struct{}

// NewStatusGate returns the gate.
func NewStatusGate() *StatusGate { return &StatusGate{} }

// Check refuses everybody but active, pending and compliance-suspended users.
func (*StatusGate) Check(_ context.Context, _ bun.Tx, a authn.Attempt) (authn.Decision, error) {
	switch Status(a.Account.Status) {
	case StatusActive, StatusPending, StatusComplianceSuspended:
		return authn.Decision{Verdict: authn.Continue}, nil
	case StatusSuspended:
		return authn.Decision{Verdict: authn.Refuse, Err: ErrSuspended}, nil
	default:
		return authn.Decision{Verdict: authn.Refuse, Err: ErrInactive}, nil
	}
}
