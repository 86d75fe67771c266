package audit

import (
	"crypto/rand"
	"log/slog"

	"go.uber.org/fx"

	migrations "github.com/authy2/backend/migrations/audit"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/privacy"
)

// Module is the entry of audit in the binary. The wiring gives it [People] and
// authn.Authorizer.
func Module() kernel.Module {
	return kernel.Define(kernel.Module{
		Name:       Name,
		Doc:        "The trail: who did what, sealed against alteration.",
		Migrations: migrations.FS,
	}, DefaultConfig, func(config Config, _ kernel.Features) fx.Option {
		return fx.Options(
			fx.Supply(fx.Private, config),
			fx.Provide(fx.Private, newService, newSealing),
			kernel.Contribute(newContribution),
		)
	})
}

type dependencies struct {
	fx.In

	Config     Config
	DB         *database.DB
	Clock      clock.Clock
	IDs        id.Source
	Bus        *events.Bus
	Keys       *crypto.Keyring `name:"encryption"`
	People     People
	Authorizer authn.Authorizer
	Log        *slog.Logger
}

func newService(d dependencies) *Service {
	return New(Parts{
		Config: d.Config, DB: d.DB, Clock: d.Clock, IDs: d.IDs, Bus: d.Bus, Keys: d.Keys, Random: rand.Reader,
		People: d.People, Authorizer: d.Authorizer, Log: d.Log,
	})
}

func newContribution(s *Service, seals *Sealing) kernel.Contribution {
	return kernel.Contribution{
		Module:        Name,
		Endpoints:     handler{s}.endpoints(),
		Jobs:          seals.jobs(),
		Commands:      seals.commands(),
		Subscriptions: append([]events.Subscription{events.On(Name+".record_fact", s.record)}, seals.subscriptions()...),
		Exporters:     []privacy.Exporter{{Section: Name, Export: s.export}},
		Actions:       actions(),
	}
}
