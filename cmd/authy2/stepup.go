package main

import (
	"context"

	"go.uber.org/fx"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/kernel"
)

var _ sessions.Factors = (*proofs)(nil)

// wireStepUp has sessions know second factors, where there are any.
func wireStepUp(plan *kernel.Plan) fx.Option {
	if !plan.Features("identity").On(identity.FeatureMFA) {
		return fx.Provide(
			func() sessions.Factors { return sessions.NoFactors{} },
		)
	}
	return fx.Options(
		fx.Provide(
			func() *proofs { return &proofs{} },
			func(p *proofs) sessions.Factors { return p },
		),
		// Whoever checks factors issues sessions too: they are joined once both are there.
		fx.Invoke(func(p *proofs, codes *factor.Service, passkeys *factor.Passkeys) {
			p.codes, p.passkeys = codes, passkeys
		}),
	)
}

// proofs checks the second factors of users who step up.
type proofs struct {
	codes    *factor.Service
	passkeys *factor.Passkeys
}

// Verify is part of [sessions.Factors].
func (p *proofs) Verify(ctx context.Context, who *authn.Principal, proof sessions.StepUpProof) (string, error) {
	switch {
	case p.codes == nil || p.passkeys == nil:
		return "", apperr.ErrUnavailable
	case len(proof.Assertion) > 0:
		return p.passkeys.ProveJSON(ctx, who, proof.Assertion)
	}
	return p.codes.ProveCode(ctx, who.UserID, proof.Code.Reveal())
}
