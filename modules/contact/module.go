package contact

import (
	"go.uber.org/fx"

	migrations "github.com/authy2/backend/migrations/contact"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/privacy"
)

// Name is the module's name.
const Name = "contact"

// Module is the entry of contact in the binary. The wiring gives it [People].
func Module() kernel.Module {
	return kernel.Define(kernel.Module{
		Name:       Name,
		Doc:        "Enquiries of anybody, stored and mailed to the operator.",
		Limits:     limits(),
		Migrations: migrations.FS,
	}, DefaultConfig, func(config Config, _ kernel.Features) fx.Option {
		return fx.Options(
			fx.Supply(fx.Private, config),
			fx.Provide(fx.Private, newService),
			kernel.Contribute(newContribution),
		)
	})
}

type dependencies struct {
	fx.In

	Config   Config
	DB       *database.DB
	People   People
	Outbox   mail.Outbox
	Composer *mail.Composer
	Clock    clock.Clock
	IDs      id.Source
	Bus      *events.Bus
}

func newService(d dependencies) *Service {
	return New(d.Config, Parts{
		DB: d.DB, People: d.People, Outbox: d.Outbox, Composer: d.Composer, Clock: d.Clock, IDs: d.IDs, Bus: d.Bus,
	})
}

func newContribution(s *Service) kernel.Contribution {
	return kernel.Contribution{
		Module:        Name,
		Endpoints:     handler{s}.endpoints(),
		Jobs:          s.jobs(),
		Subscriptions: []events.Subscription{events.On(Name+".forget_user", s.forgetUser)},
		Commands:      s.commands(),
		Exporters:     []privacy.Exporter{{Section: Name, Export: s.export}},
		Actions:       actions(),
	}
}
