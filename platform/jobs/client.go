package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
)

// Settings say how jobs run in this process.
type Settings struct {
	// InProcess lets this process do jobs; without it, it only enqueues them.
	InProcess bool
	// Workers is how many jobs run at the same time here; zero means 10, on SQLite 4.
	Workers int
	// StopTimeout is how long Stop lets running jobs finish before it cancels them; zero
	// means five seconds.
	StopTimeout time.Duration
	// Registerer takes the metrics; nil means none.
	Registerer prometheus.Registerer
}

// Client enqueues jobs and, where settings say so, does them. It is an [events.Enqueuer].
type Client struct {
	db       *database.DB
	clock    clock.Clock
	log      *slog.Logger
	settings Settings
	metrics  metrics

	periodic []Periodic
	workers  []Worker
	later    map[string]events.Subscription // by subscriber and event

	enqueuer riverdriver.Driver[*sql.Tx]
	insert   *river.Client[*sql.Tx]
	broken   error // why insert could not be made
	engine   engine
}

var _ events.Enqueuer = (*Client)(nil)

// engine is a started River client on either database.
type engine interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
}

// New returns a client without jobs. It does no I/O.
func New(db *database.DB, clock clock.Clock, log *slog.Logger, settings Settings) *Client {
	if settings.Workers <= 0 {
		settings.Workers = 10
		if db.Dialect() == database.SQLite {
			settings.Workers = 4
		}
	}
	if settings.StopTimeout <= 0 {
		settings.StopTimeout = 5 * time.Second
	}
	c := &Client{
		db: db, clock: clock, log: log, settings: settings,
		metrics: newMetrics(settings.Registerer), later: map[string]events.Subscription{},
	}
	c.broken = c.inserter()
	return c
}

// Register adds what this process can do: periodic jobs, workers of queued jobs, and the
// subscriptions whose events are delivered later. It is called before Start, and returns
// everything that is wrong with the declarations.
func (c *Client) Register(periodic []Periodic, workers []Worker, later []events.Subscription) error {
	var errs []error
	for _, p := range periodic {
		if err := p.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		if _, ok := c.find(p.Name); ok {
			errs = append(errs, fmt.Errorf("jobs: two periodic jobs are called %s", p.Name))
			continue
		}
		c.periodic = append(c.periodic, p)
	}
	slices.SortFunc(c.periodic, func(a, b Periodic) int { return strings.Compare(a.Name, b.Name) })
	for _, w := range workers {
		if slices.ContainsFunc(c.workers, func(other Worker) bool { return other.kind == w.kind }) {
			errs = append(errs, fmt.Errorf("jobs: two workers do jobs of the kind %s", w.kind))
			continue
		}
		c.workers = append(c.workers, w)
	}
	for _, s := range later {
		if s.InTransaction() {
			continue
		}
		key := deliveryKey(s.Subscriber, s.Event)
		if _, ok := c.later[key]; ok {
			errs = append(errs, fmt.Errorf("jobs: %s hears %s twice", s.Subscriber, s.Event))
			continue
		}
		c.later[key] = s
	}
	return errors.Join(errs...)
}

// Start begins to do jobs, where the settings say so. ctx is for starting only.
func (c *Client) Start(ctx context.Context) error {
	if c.broken != nil {
		return fmt.Errorf("jobs: %w", c.broken)
	}
	// What the server can do is asked now, so that the first job does not ask.
	if err := c.enqueuer.GetExecutor().InitDriver(ctx); err != nil {
		return fmt.Errorf("jobs: start: %w", database.Translate(err))
	}
	if !c.settings.InProcess {
		return nil
	}
	engine, err := c.open()
	if err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	if err := c.succeed(ctx); err != nil {
		return fmt.Errorf("jobs: start: %w", err)
	}
	if err := engine.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("jobs: start: %w", err)
	}
	c.engine = engine
	return nil
}

// Stop takes no new jobs and waits for the running ones. Those that do not end within
// StopTimeout have their contexts cancelled and go back to the queue. It may be called
// twice, and without Start.
func (c *Client) Stop(ctx context.Context) error {
	if c.engine == nil {
		return nil
	}
	if err := c.engine.Stop(ctx); err != nil {
		return fmt.Errorf("jobs: stop: %w", err)
	}
	return nil
}

// Enqueue puts a job into the queue in tx: it exists if tx commits, and runs after that.
func (c *Client) Enqueue(ctx context.Context, tx bun.Tx, a Args) error {
	return c.enqueue(ctx, tx, a, nil)
}

// EnqueueAt puts a job into the queue in tx that does not run before the given time.
func (c *Client) EnqueueAt(ctx context.Context, tx bun.Tx, a Args, at time.Time) error {
	return c.enqueue(ctx, tx, a, &river.InsertOpts{ScheduledAt: at})
}

func (c *Client) enqueue(ctx context.Context, tx bun.Tx, a Args, opts *river.InsertOpts) error {
	if c.broken != nil {
		return fmt.Errorf("jobs: %w", c.broken)
	}
	if _, err := c.insert.InsertTx(ctx, tx.Tx, a, opts); err != nil {
		return fmt.Errorf("jobs: enqueue %s: %w", a.Kind(), database.Translate(err))
	}
	return nil
}

// List returns the periodic jobs, by name.
func (c *Client) List() []Periodic { return slices.Clone(c.periodic) }

// find returns the periodic job of that name.
func (c *Client) find(name string) (Periodic, bool) {
	for _, p := range c.periodic {
		if p.Name == name {
			return p, true
		}
	}
	return Periodic{}, false
}
