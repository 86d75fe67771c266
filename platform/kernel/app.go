package kernel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"
	"go.uber.org/dig"
	"go.uber.org/fx"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/web"
)

// App is a built system: the platform, the modules that are on, and what they contribute,
// wired together. Building it does no I/O, so that its routes, its document and its
// command line can be had without a database.
type App struct {
	options  Options
	plan     *Plan
	log      *slog.Logger
	parts    *parts
	found    *collected
	api      *httpx.API
	health   *health
	graph    *fx.App
	serving  *listeners
	mu       sync.Mutex
	started  bool
	stopWork context.CancelFunc
}

// New builds the system. Its error names what is wrong: a port that nothing fills, two
// modules that claim one route, a set of modules of which nothing can be reached.
func New(o Options) (*App, error) {
	if o.Loaded == nil || o.Plan == nil {
		return nil, errors.New("kernel: a configuration and a plan are needed")
	}
	o = o.withDefaults()
	p, err := newParts(o)
	if err != nil {
		return nil, err
	}
	a := &App{options: o, plan: o.Plan, log: o.Log, parts: p}
	modules := make([]fx.Option, 0, len(a.plan.on))
	for _, m := range a.plan.on {
		modules = append(modules, m.Build(Built{Config: o.Loaded.Module(m.Name), Features: a.plan.Features(m.Name)}))
	}
	a.graph = fx.New(
		fx.NopLogger,
		p.provide(o),
		// Children are invoked before their parent: the platform's hooks come first,
		// those of the modules next, and serving last.
		fx.Module("start", fx.Invoke(a.startPlatform)),
		fx.Options(modules...),
		o.Wire,
		fx.Invoke(a.assemble),
	)
	if err := a.graph.Err(); err != nil {
		return nil, fmt.Errorf("kernel: %w", rootCause(err))
	}
	return a, nil
}

// rootCause strips the path through the graph from an error of fx, unless that path is
// all there is.
func rootCause(err error) error {
	if root := dig.RootCause(err); root != nil {
		return root
	}
	return err
}

// gathered is what the graph gives for the assembly.
type gathered struct {
	fx.In

	Contributions []Contribution `group:"contributions"`
	Authenticator authn.Authenticator
	Authorizer    authn.Authorizer
	Lifecycle     fx.Lifecycle
}

// assemble joins what the modules contribute.
func (a *App) assemble(in gathered) error {
	a.health = &health{version: a.options.Version, clock: clock.System{}, log: a.log}
	own := a.contribution()
	found, err := collect(a.plan, append(slices.Clone(in.Contributions), own), ports{in.Authenticator, in.Authorizer})
	if err != nil {
		return err
	}
	a.found = found
	a.health.checks = found.health
	if err := errors.Join(
		a.parts.jobs.Register(found.periodic, found.workers, found.later),
		a.parts.privacy.Add(found.exporters...),
	); err != nil {
		return err
	}
	a.parts.bus.Subscribe(a.parts.jobs, slices.Concat(found.inTx, found.later)...)
	a.parts.bus.Declare(found.actions...)
	if a.api, err = a.newAPI(in.Authenticator); err != nil {
		return err
	}
	brand := a.parts.platform.Brand
	pages, err := web.New(web.Brand{Name: brand.Name, LogoURL: brand.LogoURL, Accent: brand.Accent}, a.parts.platform.App.PublicURL, a.api)
	if err != nil {
		return err
	}
	if err := a.api.Mount(found.endpoints, slices.Concat(found.raw, pages.Raw(found.pages))); err != nil {
		return err
	}
	a.startServing(in.Lifecycle)
	return nil
}

// newAPI makes the HTTP edge.
func (a *App) newAPI(authenticator authn.Authenticator) (*httpx.API, error) {
	tags := map[string]string{"health": "How the service and its dependencies are."}
	for _, m := range a.plan.on {
		tags[m.Name] = m.Doc
	}
	return httpx.New(httpx.Settings{
		PublicURL: a.parts.platform.App.PublicURL, Version: a.options.Version, Tags: tags,
		CORSOrigins: a.parts.platform.HTTP.CORSOrigins, TrustedProxies: a.parts.platform.HTTP.TrustedProxies,
	}, httpx.Deps{
		Log: a.log, Clock: a.parts.clock, Random: a.options.Rand, Authenticator: authenticator, Metrics: a.parts.metrics,
		Answers: a.parts.answers, Limiter: a.parts.limiter, Denied: a.recordDenial,
	})
}

// Handler serves the API.
func (a *App) Handler() http.Handler { return a.api.Handler() }

// OpenAPI returns the OpenAPI 3.1 document of the modules that are on, in JSON.
func (a *App) OpenAPI() ([]byte, error) { return a.api.Document() }

// Routes returns the route table: the platform's routes first, then by module and path.
func (a *App) Routes() []Route { return slices.Clone(a.found.routes) }

// LeftOut returns the routes that are not mounted because they need a session and no
// module gives sessions, or a permission and no module gives organizations.
func (a *App) LeftOut() []Route {
	out := make([]Route, len(a.found.leftOut))
	for i, r := range a.found.leftOut {
		out[i] = r.Route
	}
	return out
}

// Plan returns which modules are on.
func (a *App) Plan() *Plan { return a.plan }

// Config returns the configuration that the system was built from.
func (a *App) Config() *config.Loaded { return a.options.Loaded }

// DB returns the database. It is connected while the system is started.
func (a *App) DB() *database.DB { return a.parts.db }

// Clock returns the system's clock.
func (a *App) Clock() clock.Clock { return a.parts.clock }

// Redis returns the client of the shared cache, or nil when the cache is in-process.
func (a *App) Redis() redis.UniversalClient { return a.parts.redis }

// Jobs returns the client that lists, runs and enqueues jobs.
func (a *App) Jobs() *jobs.Client { return a.parts.jobs }

// Commands returns the commands of the modules that are on.
func (a *App) Commands() []Command { return slices.Clone(a.found.commands) }

// Actions returns the names of the facts that modules record, sorted.
func (a *App) Actions() []string {
	return slices.Compact(slices.Sorted(slices.Values(a.found.actions)))
}

// Health asks every dependency how it is.
func (a *App) Health(ctx context.Context) Health { return a.health.report(ctx) }

// Seeds returns the seeds in the order in which they run.
func (a *App) Seeds() []Seed { return slices.Clone(a.found.seeds) }

// Seed runs every seed. The system must be started.
func (a *App) Seed(ctx context.Context, progress func(string)) error {
	for _, s := range a.found.seeds {
		if err := s.Run(ctx, progress); err != nil {
			return fmt.Errorf("kernel: seed %s: %w", s.Name, err)
		}
	}
	return nil
}

// Lines returns the lines of migrations of the platform and of the modules that are on.
func (a *App) Lines() []migrate.Line { return a.plan.Lines() }

// Lines returns the lines of migrations of the platform and of the modules that are on,
// in the order in which they are applied.
func (p *Plan) Lines() []migrate.Line {
	lines := []migrate.Line{migrate.Platform()}
	for _, m := range p.on {
		if m.Migrations != nil {
			lines = append(lines, migrate.Line{Name: m.Name, FS: m.Migrations})
		}
		for _, l := range m.FeatureLines {
			if p.Features(m.Name).With(l.Feature, l.With...) {
				lines = append(lines, migrate.Line{Name: l.Name, FS: l.FS})
			}
		}
	}
	return lines
}
