package kernel

import (
	"context"

	"github.com/spf13/cobra"
	"go.uber.org/fx"

	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/privacy"
	"github.com/authy2/backend/platform/web"
)

// Contribution is everything that a module adds to the system. A module gives exactly
// one; empty fields add nothing.
type Contribution struct {
	// Module is the name of the module.
	Module string
	// Endpoints are the operations of the REST API.
	Endpoints []httpx.Endpoint
	// Raw are endpoints that speak a standard of their own.
	Raw []httpx.Raw
	// Pages are pages for browsers, on which people do what a mailed link is for.
	Pages []web.Page
	// Jobs run periodically.
	Jobs []jobs.Periodic
	// Workers work on queued jobs.
	Workers []jobs.Worker
	// Subscriptions hear the facts of other modules.
	Subscriptions []events.Subscription
	// Health are checks of what the module depends on.
	Health []HealthCheck
	// Seeds add sample data.
	Seeds []Seed
	// Commands are added to the command line. They run on a started system.
	Commands []Command
	// Exporters give what the module holds on a user.
	Exporters []privacy.Exporter
	// Actions are the names of the facts that the module records for the audit trail.
	Actions []string
}

// HealthCheck tells whether something that the system depends on works.
type HealthCheck struct {
	// Name is lower-case with underscores: "database".
	Name string
	// Critical is true for what the system cannot work without.
	Critical bool
	// Check returns nil when it works. It is given a second. Its error is logged, and
	// never shown.
	Check func(ctx context.Context) error
}

// Seed adds sample data. It must be repeatable: what is there is left alone.
type Seed struct {
	// Name is <module>_<noun>: "identity_users".
	Name string
	// Order sorts seeds of all modules, lowest first; equal ones go by name.
	Order int
	// Run adds the data and tells progress in sentences.
	Run func(ctx context.Context, progress func(string)) error
}

// Command is a command of a module, such as authy2 users list. It is run while the
// system is started but does not serve.
type Command = *cobra.Command

// WithoutSystem is the annotation of a command with the name of a flag. Given that flag, the
// command needs neither configuration nor database: it runs although either is missing or
// wrong, and must not use what the module was built with.
const WithoutSystem = "without-system"

// group is the name of the value group that contributions travel in.
const group = `group:"contributions"`

// Contribute registers the constructor of a module's contribution: a function that takes
// what it needs and returns a [Contribution], or one and an error. The annotations are
// fx.ParamTags for parameters that have a name. It is the only way into the group: a
// private member of a group is lost without an error.
func Contribute(constructor any, annotations ...fx.Annotation) fx.Option {
	return fx.Provide(fx.Annotate(constructor, append(annotations, fx.ResultTags(group))...))
}
