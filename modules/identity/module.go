package identity

import (
	"crypto/rand"
	"log/slog"
	"slices"

	"go.uber.org/fx"

	migrations "github.com/authy2/backend/migrations/identity"
	"github.com/authy2/backend/migrations/identitymfa"
	"github.com/authy2/backend/migrations/identitypolicies"
	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/privacy"
	"github.com/authy2/backend/platform/ratelimit"
)

// Name is the module's name.
const Name = "identity"

// tenancy is the name of the module that has organizations. With it they can ask for second
// factors.
const tenancy = "tenancy"

// Module is the entry of identity in the binary. The wiring gives it authn.SessionIssuer,
// [DeletionGuards] and authn.Compliance; it gives [*Directory], [*Registrar],
// [*StatusGate] and [*VerifiedEmailGate], and with its feature mfa what secondFactors says.
func Module() kernel.Module {
	return kernel.Define(kernel.Module{
		Name:       Name,
		Doc:        "Users: registration, verification, recovery, profiles, passwords, deletion and export.",
		Features:   features(),
		Limits:     slices.Concat(limits(), factor.Limits(), factor.PasskeyLimits()),
		Migrations: migrations.FS,
		FeatureLines: []kernel.FeatureLine{
			{Name: "identity_mfa", Feature: FeatureMFA, FS: identitymfa.FS},
			{Name: "identity_policies", Feature: FeatureMFA, With: []string{tenancy}, FS: identitypolicies.FS},
		},
	}, DefaultConfig, func(config Config, on kernel.Features) fx.Option {
		mfa := fx.Provide(fx.Private, func() extension { return extension{} })
		if on.On(FeatureMFA) {
			mfa = secondFactors(on.With(FeatureMFA, tenancy))
		}
		return fx.Options(
			mfa,
			fx.Supply(fx.Private, config, Extent{SecondFactors: on.On(FeatureMFA), Policies: on.With(FeatureMFA, tenancy)}),
			fx.Provide(fx.Private, newRules, newRehasher, newPostman, newService),
			fx.Provide(NewDirectory, NewRegistrar, NewStatusGate, func() *VerifiedEmailGate { return NewVerifiedEmailGate(config) }),
			kernel.Contribute(newContribution),
		)
	})
}

func newRules(config Config, lifecycle fx.Lifecycle) (*Rules, error) {
	rules, err := NewRules(config)
	if err != nil {
		return nil, err
	}
	lifecycle.Append(fx.Hook{OnStart: rules.Start, OnStop: rules.Stop})
	return rules, nil
}

func newRehasher(db *database.DB, passwords *crypto.Passwords, log *slog.Logger, lifecycle fx.Lifecycle) *Rehasher {
	r := NewRehasher(db, passwords, log)
	lifecycle.Append(fx.Hook{OnStart: r.Start, OnStop: r.Stop})
	return r
}

type mailDependencies struct {
	fx.In

	Config   Config
	Platform config.Platform
	DB       *database.DB
	Clock    clock.Clock
	IDs      id.Source
	Bus      *events.Bus
	Limiter  *ratelimit.Limiter
	Tokens   *crypto.Tokens
	Composer *mail.Composer
	Outbox   mail.Outbox
	Keys     *crypto.Keyring
	Sealing  *crypto.Keyring `name:"encryption"`
	Log      *slog.Logger
}

func newPostman(d mailDependencies, lifecycle fx.Lifecycle) *Postman {
	p := NewPostman(PostmanParts{
		Config: d.Config, DB: d.DB, Clock: d.Clock, IDs: d.IDs, Bus: d.Bus, Limiter: d.Limiter, Tokens: d.Tokens, Composer: d.Composer,
		Outbox: d.Outbox, Keys: d.Keys, Sealing: d.Sealing, Rand: rand.Reader, Log: d.Log,
		PublicURL: d.Platform.App.PublicURL, MailDisabled: d.Platform.Mail.Disabled,
	})
	if p.disabled && d.Config.RequireVerifiedEmail {
		d.Log.Warn("mail is disabled and nobody signs in with an unverified address: only operators can verify one")
	}
	lifecycle.Append(fx.Hook{OnStart: p.Start, OnStop: p.Stop})
	return p
}

type dependencies struct {
	fx.In

	Config       Config
	DB           *database.DB
	Clock        clock.Clock
	IDs          id.Source
	Passwords    *crypto.Passwords
	Rules        *Rules
	Bus          *events.Bus
	Invalidation *invalidation.Log
	Guard        *ratelimit.Guard
	Issuer       authn.SessionIssuer
	Postman      *Postman
	Guards       DeletionGuards
	Exports      *privacy.Registry
	Log          *slog.Logger
}

func newService(d dependencies) *Service {
	return NewService(Parts{
		Config: d.Config, Postman: d.Postman, DB: d.DB, Clock: d.Clock, IDs: d.IDs, Passwords: d.Passwords, Rules: d.Rules, Bus: d.Bus, Invalidation: d.Invalidation,
		Guard: d.Guard, Issuer: d.Issuer, Guards: d.Guards, Exports: d.Exports, Log: d.Log,
	})
}

func newContribution(s *Service, d *Directory, tokens *crypto.Tokens, more extension) kernel.Contribution {
	return more.join(kernel.Contribution{
		Module:        Name,
		Endpoints:     handler{s}.endpoints(),
		Pages:         handler{s}.pages(),
		Seeds:         []kernel.Seed{{Name: "identity_users", Order: seedOrder, Run: s.Seed}},
		Commands:      commands(NewAdmin(s), tokens),
		Jobs:          s.mailJobs(),
		Subscriptions: s.subscriptions(),
		Exporters:     []privacy.Exporter{{Section: exportSection, Export: d.exportUser}},
		Actions:       actions(),
	})
}
