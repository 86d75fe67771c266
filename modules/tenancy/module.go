package tenancy

import (
	"log/slog"
	"strings"

	"go.uber.org/fx"

	migrations "github.com/authy2/backend/migrations/tenancy"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/privacy"
)

// Name is the module's name.
const Name = "tenancy"

// Module is the entry of tenancy in the binary. The wiring gives it [People],
// authn.Registrar, authn.SessionIssuer and [SystemLimits]; it gives [*Directory], which is
// authn.Authorizer, tells sessions of limits and organizations, and guards the deletion of
// users.
func Module() kernel.Module {
	return kernel.Define(kernel.Module{
		Name:       Name,
		Doc:        "Organizations: members and their roles, invitations, session policies.",
		Requires:   []string{"identity"},
		Limits:     limits(),
		Migrations: migrations.FS,
	}, DefaultConfig, func(config Config, _ kernel.Features) fx.Option {
		return fx.Options(
			fx.Supply(fx.Private, config),
			fx.Provide(fx.Private, newService),
			fx.Provide(NewDirectory),
			kernel.Contribute(newContribution),
		)
	})
}

type dependencies struct {
	fx.In

	Config       Config
	Platform     config.Platform
	DB           *database.DB
	Directory    *Directory
	People       People
	Registrar    authn.Registrar
	Issuer       authn.SessionIssuer
	Limits       SystemLimits
	Outbox       mail.Outbox
	Composer     *mail.Composer
	Tokens       *crypto.Tokens
	Clock        clock.Clock
	IDs          id.Source
	Bus          *events.Bus
	Invalidation *invalidation.Log
	Log          *slog.Logger
}

func newService(d dependencies) *Service {
	return New(d.Config, Parts{
		DB: d.DB, Directory: d.Directory, People: d.People, Registrar: d.Registrar, Issuer: d.Issuer, Limits: d.Limits,
		Outbox: d.Outbox, Composer: d.Composer, Tokens: d.Tokens, Clock: d.Clock, IDs: d.IDs, Bus: d.Bus, Invalidation: d.Invalidation, Log: d.Log,
		PublicURL: strings.TrimRight(d.Platform.App.PublicURL, "/"),
	})
}

func newContribution(s *Service, d *Directory) kernel.Contribution {
	return kernel.Contribution{
		Module:    Name,
		Endpoints: handler{s}.endpoints(),
		Pages:     handler{s}.pages(),
		Jobs: append([]jobs.Periodic{{
			Name: "reconcile_tenancy", Doc: "Ends the memberships of users who were deleted while this module was off.",
			Every: reconcileEvery, Timeout: reconcileTimeout, Run: s.Reconcile,
		}}, s.inviteJobs()...),
		Subscriptions: s.subscriptions(),
		Commands:      commands(NewOperator(s)),
		Seeds:         []kernel.Seed{{Name: "tenancy_organizations", Order: seedOrder, Run: s.Seed}},
		Exporters:     []privacy.Exporter{{Section: exportSection, Export: d.export}},
		Actions:       actions(),
	}
}
