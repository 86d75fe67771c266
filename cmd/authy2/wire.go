package main

import (
	"context"

	"github.com/uptrace/bun"
	"go.uber.org/fx"

	"github.com/authy2/backend/modules/audit"
	"github.com/authy2/backend/modules/contact"
	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/kernel"
)

// The modules fill one another's ports here and nowhere else.
var (
	_ sessions.Credentials       = (*identity.Directory)(nil)
	_ sessions.Accounts          = (*identity.Directory)(nil)
	_ tenancy.People             = (*identity.Directory)(nil)
	_ audit.People               = (*identity.Directory)(nil)
	_ contact.People             = (*identity.Directory)(nil)
	_ authn.Registrar            = (*identity.Registrar)(nil)
	_ authn.SignInGate           = (*identity.StatusGate)(nil)
	_ authn.SignInGate           = (*identity.VerifiedEmailGate)(nil)
	_ authn.SignInGate           = (*factor.Gate)(nil)
	_ authn.Authenticator        = (*sessions.Service)(nil)
	_ authn.SessionIssuer        = (*sessions.Service)(nil)
	_ authn.Authorizer           = (*tenancy.Directory)(nil)
	_ identity.UserDeletionGuard = (*tenancy.Directory)(nil)
	_ sessions.Standings         = standings{}
)

// wire fills the ports of the modules that are on. What a module that is off would have
// filled is said with its explicit absence, so that a forgotten line is an error at start
// and never an open door.
func wire(plan *kernel.Plan) fx.Option {
	return fx.Options(wireIdentity(plan), wireSessions(plan), wireTenancy(plan), wireCompliance(plan))
}

// wireIdentity gives the others the users.
func wireIdentity(plan *kernel.Plan) fx.Option {
	if !plan.Has("identity") {
		return fx.Provide(
			func() audit.People { return audit.NoPeople{} },
			func() contact.People { return contact.NoPeople{} },
		)
	}
	return fx.Provide(
		func(d *identity.Directory) audit.People { return d },
		func(d *identity.Directory) contact.People { return d },
		func(d *identity.Directory) tenancy.People { return d },
		func(d *identity.Directory) sessions.Credentials { return d },
		func(d *identity.Directory) sessions.Accounts { return d },
		func(r *identity.Registrar) authn.Registrar { return r },
		func(status *identity.StatusGate, verified *identity.VerifiedEmailGate, second secondFactorGate, compliant complianceGate) sessions.Gates {
			return sessions.Gates{
				Status:        status,
				VerifiedEmail: verified,
				EnforcedSSO:   authn.NoGate{},
				SecondFactor:  second,
				Compliance:    compliant.SignInGate,
			}
		},
		secondFactor(plan),
	)
}

// secondFactorGate is the gate that asks for a second factor.
type secondFactorGate struct{ authn.SignInGate }

// secondFactor returns the constructor of that gate.
func secondFactor(plan *kernel.Plan) any {
	if !plan.Features("identity").On(identity.FeatureMFA) {
		return func() secondFactorGate { return secondFactorGate{authn.NoGate{}} }
	}
	return func(g *factor.Gate) secondFactorGate { return secondFactorGate{g} }
}

// wireSessions gives the others sign-in.
func wireSessions(plan *kernel.Plan) fx.Option {
	if !plan.Has("sessions") {
		return fx.Provide(
			func() authn.Authenticator { return authn.NoAuthenticator{} },
			func() authn.SessionIssuer { return authn.NoSessions{} },
			func() tenancy.SystemLimits { return tenancy.SystemLimits{} },
		)
	}
	return fx.Options(wireStepUp(plan), fx.Provide(
		func(s *sessions.Service) authn.Authenticator { return s },
		func(s *sessions.Service) authn.SessionIssuer { return s },
		func(s *sessions.Service) tenancy.SystemLimits {
			longest := s.Longest()
			return tenancy.SystemLimits{Idle: longest.Idle, Absolute: longest.Absolute}
		},
	))
}

// wireTenancy gives the others the organizations.
func wireTenancy(plan *kernel.Plan) fx.Option {
	if !plan.Has("tenancy") {
		return fx.Provide(
			func() authn.Authorizer { return authn.NoAuthorizer{} },
			func() identity.DeletionGuards { return nil },
			func() sessions.Standings { return sessions.NoStandings{} },
		)
	}
	return fx.Provide(
		func(d *tenancy.Directory) authn.Authorizer { return d },
		func(d *tenancy.Directory) identity.DeletionGuards { return identity.DeletionGuards{d} },
		func(d *tenancy.Directory) sessions.Standings { return standings{d} },
	)
}

// standings has sessions obey the rules of organizations, and show them.
type standings struct{ directory *tenancy.Directory }

// StandingOf is part of [sessions.Standings].
func (s standings) StandingOf(ctx context.Context, db bun.IDB, userID string) (sessions.Standing, error) {
	found, err := s.directory.StandingOf(ctx, db, userID)
	if err != nil {
		return sessions.Standing{}, err
	}
	all := make([]sessions.Organization, len(found.Belongings))
	for i, b := range found.Belongings {
		all[i] = sessions.Organization{ID: b.ID, Name: b.Name, Slug: b.Slug, Role: string(b.Role)}
	}
	return sessions.Standing{Limits: sessions.LimitRules{Idle: found.Idle, Absolute: found.Absolute}, Organizations: all}, nil
}
