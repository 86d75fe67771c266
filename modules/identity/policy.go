package identity

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/modules/identity/factor"
)

var _ compliance.Factors = Holdings{}

// Holdings shows the policies which factors users have.
type Holdings struct{ factors *factor.Factors }

// NewHoldings returns the holdings that are in factors.
func NewHoldings(f *factor.Factors) Holdings { return Holdings{f} }

// FactorsOf is part of [compliance.Factors].
func (h Holdings) FactorsOf(ctx context.Context, db bun.IDB, ids []string) (map[string]compliance.Held, error) {
	found, err := h.factors.FactorsOf(ctx, db, ids)
	if err != nil {
		return nil, err
	}
	held := make(map[string]compliance.Held, len(found))
	for userID, f := range found {
		held[userID] = compliance.Held{TOTP: f.TOTP, Passkey: f.Passkeys > 0}
	}
	return held, nil
}
