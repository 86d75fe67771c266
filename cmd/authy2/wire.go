package main

import (
	"go.uber.org/fx"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/kernel"
)

// The modules fill one another's ports here and nowhere else.
var (
	_ sessions.Credentials = (*identity.Directory)(nil)
	_ sessions.Accounts    = (*identity.Directory)(nil)
	_ authn.SignInGate     = (*identity.StatusGate)(nil)
	_ authn.Authenticator  = (*sessions.Service)(nil)
	_ authn.SessionIssuer  = (*sessions.Service)(nil)
)

// wire fills the ports of the modules that are on. What a module that is off would have
// filled is said with its explicit absence, so that a forgotten line is an error at start
// and never an open door.
func wire(plan *kernel.Plan) fx.Option {
	if !plan.Has("sessions") {
		return fx.Provide(
			func() authn.Authenticator { return authn.NoAuthenticator{} },
			func() authn.SessionIssuer { return authn.NoSessions{} },
			func() identity.DeletionGuards { return nil },
		)
	}
	return fx.Provide(
		func(s *sessions.Service) authn.Authenticator { return s },
		func(s *sessions.Service) authn.SessionIssuer { return s },
		func() identity.DeletionGuards { return nil },
		func(d *identity.Directory) sessions.Credentials { return d },
		func(d *identity.Directory) sessions.Accounts { return d },
		func(status *identity.StatusGate) sessions.Gates {
			return sessions.Gates{
				Status:        status,
				VerifiedEmail: authn.NoGate{},
				EnforcedSSO:   authn.NoGate{},
				SecondFactor:  authn.NoGate{},
				Compliance:    authn.NoGate{},
			}
		},
		func() sessions.Limits { return sessions.NoLimits{} },
		func() sessions.Organizations { return sessions.NoOrganizations{} },
		func() sessions.Compliance { return sessions.NoCompliance{} },
	)
}
