package factor

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
)

// Gate asks users who have a second factor for it. It is the second-factor gate of sessions.
type Gate struct {
	opening

	factors *Factors
}

// NewGate returns the gate. It does no I/O.
func NewGate(db *database.DB, tokens *crypto.Tokens, clk clock.Clock, ids id.Source) *Gate {
	return &Gate{opening: opening{newChallengeStore(db), tokens, clk, ids}, factors: NewFactors(db, clk)}
}

// Check lets attempts pass that have shown two factors, and those of users who have none to
// show, or who come with a device that is remembered. It opens a challenge for the others.
// Whether a user has any is known with the account, so that most sign-ins ask nothing here:
// a change of it since the account was read is another credential version.
func (g *Gate) Check(ctx context.Context, tx bun.Tx, a authn.Attempt) (authn.Decision, error) {
	// A registration's account was made in this transaction: it has no factors yet.
	if a.Flow == authn.FlowRegister || !a.Account.SecondFactor || enough(a.Methods) {
		return authn.Decision{Verdict: authn.Continue}, nil
	}
	held, err := g.factors.at(ctx, tx, a.Account.UserID, rememberedToken(ctx))
	if err != nil {
		return authn.Decision{}, fmt.Errorf("factor: find the factors of a user: %w", err)
	}
	offered := held.offered()
	if len(offered) == 0 || held.remembered {
		return authn.Decision{Verdict: authn.Continue}, nil
	}
	challenge, err := g.Open(ctx, tx, a, offered)
	if err != nil {
		return authn.Decision{}, err
	}
	return authn.Decision{Verdict: authn.ChallengeNeeded, Methods: offered, Challenge: challenge}, nil
}
