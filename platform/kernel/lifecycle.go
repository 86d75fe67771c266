package kernel

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/fx"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/migrate"
)

// stage is one step of starting and stopping.
type stage struct {
	name        string
	start, stop func(ctx context.Context) error
}

// hook makes the stage one of fx's, whose errors name it.
func (s stage) hook() fx.Hook {
	named := func(doing string, fn func(context.Context) error) func(context.Context) error {
		if fn == nil {
			return nil
		}
		return func(ctx context.Context) error {
			if err := fn(ctx); err != nil {
				return fmt.Errorf("%s %s: %w", doing, s.name, err)
			}
			return nil
		}
	}
	return fx.Hook{OnStart: named("start", s.start), OnStop: named("stop", s.stop)}
}

// startPlatform lays down the order in which the platform starts, before any module. The
// system stops the other way round: serving ends first, then modules write back what
// they hold, then the connections close.
func (a *App) startPlatform(lifecycle fx.Lifecycle) {
	p := a.parts
	stages := []stage{
		{name: "database", start: p.db.Start, stop: p.db.Stop},
		{name: "migrations", start: a.migrate},
	}
	if p.dbClock != nil {
		stages = append(stages, stage{name: "clock", start: p.dbClock.Start, stop: p.dbClock.Stop})
	}
	if p.redis != nil {
		stages = append(stages, stage{name: "redis", stop: func(context.Context) error { return p.redis.Close() }})
	}
	stages = append(stages,
		stage{name: "invalidation log", start: p.invalidation.Start, stop: p.invalidation.Stop},
		stage{name: "password pool", start: p.passwords.Start, stop: p.passwords.Stop},
	)
	for _, s := range stages {
		lifecycle.Append(s.hook())
	}
}

// startServing lays down the last steps of the start, which are the first of the stop.
func (a *App) startServing(lifecycle fx.Lifecycle) {
	p := a.parts
	deliveries := stage{name: "mail", stop: a.share(p.mail.Stop)}
	if a.options.works() {
		deliveries.start = p.mail.Start
	}
	lifecycle.Append(deliveries.hook())
	lifecycle.Append(stage{name: "jobs", start: p.jobs.Start, stop: a.share(p.jobs.Stop)}.hook())
	if a.options.Serve || a.options.Work {
		a.serving = newListeners(a)
		lifecycle.Append(stage{name: "http", start: a.serving.start, stop: a.share(a.serving.stop)}.hook())
	}
}

// share leaves a stage half of the time that is left, so that one that takes too long
// does not keep those after it from writing back what they hold.
func (a *App) share(stop func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if deadline, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, deadline.Sub(clock.System{}.Now())/2)
			defer cancel()
		}
		return stop(ctx)
	}
}

// migrate brings the database up to date, or refuses to start on an old one.
func (a *App) migrate(ctx context.Context) error {
	m := migrate.New(a.parts.db, a.Lines(), a.log)
	if a.parts.platform.Database.AutoMigrate {
		return m.Up(ctx, nil) // it logs each step itself
	}
	lines, err := m.Status(ctx)
	if err != nil {
		return err
	}
	var behind []string
	for _, l := range lines {
		if n := len(l.Pending); n > 0 {
			behind = append(behind, fmt.Sprintf("%s (%d)", l.Line, n))
		}
	}
	if len(behind) > 0 {
		return fmt.Errorf("the database lacks migrations of %s: run authy2 db upgrade", strings.Join(behind, ", "))
	}
	return nil
}

// Start makes the system usable: it connects, migrates where that is configured, and
// starts what the platform and the modules run in the background. With Options.Serve it
// then listens. What it started is stopped again when it fails. ctx bounds the start
// only; the system runs until Stop.
func (a *App) Start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.started {
		return errors.New("kernel: the system is started already")
	}
	if a.parts.keyless {
		return errors.New("kernel: a master key is missing: set SECRET_KEY and ENCRYPTION_KEY, or have them made for development")
	}
	// Whatever runs in the background takes its context from here. It outlives ctx, and
	// ends when everything has stopped.
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	interrupted := context.AfterFunc(ctx, stopWork)
	if err := a.graph.Start(work); err != nil {
		stopWork()
		return fmt.Errorf("kernel: %w", err)
	}
	if !interrupted() {
		// The caller gave up while the last step was done.
		err := a.graph.Stop(context.WithoutCancel(ctx))
		return errors.Join(fmt.Errorf("kernel: start: %w", context.Cause(ctx)), err)
	}
	a.stopWork, a.started = stopWork, true
	a.health.serving.Store(true)
	for _, r := range a.found.leftOut {
		a.log.InfoContext(ctx, "a route is left out, because "+r.why, "method", r.Method, "path", r.Path, "module", r.Module)
	}
	return nil
}

// Stop ends the system in order: readiness turns false, requests under way are finished,
// jobs are awaited, modules write back what they hold, and connections are closed. ctx
// bounds it. Stopping a system that was not started, or twice, is legal.
func (a *App) Stop(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.started {
		return nil
	}
	a.health.serving.Store(false)
	err := a.graph.Stop(ctx)
	a.stopWork()
	a.started = false
	if err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	return nil
}

// Migrate connects to the database alone, hands fn a migrator of the lines that are on,
// and closes the connection. It is for commands that change the tables, which everything
// else needs to start.
func (a *App) Migrate(ctx context.Context, fn func(ctx context.Context, m *migrate.Migrator) error) (err error) {
	if err := a.parts.db.Start(ctx); err != nil {
		return fmt.Errorf("kernel: %w", err)
	}
	defer func() { err = errors.Join(err, a.parts.db.Stop(context.WithoutCancel(ctx))) }()
	return fn(ctx, migrate.New(a.parts.db, a.Lines(), a.log))
}
