package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
)

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
