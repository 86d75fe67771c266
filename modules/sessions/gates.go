package sessions

import (
	"context"
	"errors"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// verdict is what all gates together say of an attempt that none of them refused.
type verdict struct {
	challenge  *authn.Challenge
	restricted bool
}

// gate is a gate and the name of its rule, for messages.
type gate struct {
	name string
	authn.SignInGate
}

// ordered returns the gates in the order in which they are asked.
func (g Gates) ordered() []gate {
	return []gate{
		{"status", g.Status},
		{"verified email", g.VerifiedEmail},
		{"enforced SSO", g.EnforcedSSO},
		{"second factor", g.SecondFactor},
		{"compliance", g.Compliance},
	}
}

// check returns an error for every rule that has neither a gate nor authn.NoGate{}.
func (g Gates) check() error {
	var errs []error
	for _, gate := range g.ordered() {
		if gate.SignInGate == nil {
			errs = append(errs, fmt.Errorf("sessions: no gate for %s: absence is said with authn.NoGate{}", gate.name))
		}
	}
	return errors.Join(errs...)
}

// ask puts the attempt before every gate. The first that refuses or challenges ends the
// round; an error, and an answer that is none, refuses.
func (g Gates) ask(ctx context.Context, tx bun.Tx, a authn.Attempt) (verdict, error) {
	var v verdict
	for _, gate := range g.ordered() {
		d, err := gate.Check(ctx, tx, a)
		if err != nil {
			return verdict{}, fmt.Errorf("sessions: %s: %w", gate.name, err)
		}
		switch d.Verdict {
		case authn.Continue:
		case authn.Restrict:
			v.restricted = true
		case authn.ChallengeNeeded:
			if d.Challenge == nil || d.Challenge.Token.Empty() || len(d.Challenge.Methods) == 0 {
				return verdict{}, fmt.Errorf("sessions: %s asks for a proof without a challenge", gate.name)
			}
			v.challenge = d.Challenge
			return v, nil
		case authn.Refuse:
			if d.Err == nil {
				return verdict{}, apperr.ErrAuthorization
			}
			return verdict{}, d.Err
		default:
			return verdict{}, fmt.Errorf("sessions: %s answers with verdict %d", gate.name, d.Verdict)
		}
	}
	return v, nil
}
