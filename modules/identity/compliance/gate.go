package compliance

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
)

// Gate restricts the sign-ins of users who were to have a second factor by now. It is the
// compliance gate of sessions, and whatever else completes a sign-in asks it too. What it
// judges by is kept with the user, so that it reads nothing.
type Gate struct{ clock clock.Clock }

// NewGate returns the gate.
func NewGate(clk clock.Clock) *Gate { return &Gate{clk} }

// Check is part of [authn.SignInGate].
func (g *Gate) Check(_ context.Context, _ bun.Tx, a authn.Attempt) (authn.Decision, error) {
	if a.Account.Restricted(g.clock.Now()) {
		return authn.Decision{Verdict: authn.Restrict}, nil
	}
	return authn.Decision{Verdict: authn.Continue}, nil
}
