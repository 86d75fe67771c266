package kernel

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/telemetry"
)

const (
	pruneEvery   = 15 * time.Minute
	pruneTimeout = time.Minute
	// keepInvalidations is how long entries stay. A cached value that is older is read
	// again, so it only has to be longer than most sessions live.
	keepInvalidations = 24 * time.Hour
)

// counted makes a job of a function that counts what it did.
func counted(name string, fn func(ctx context.Context) (int64, error)) func(context.Context) (jobs.Report, error) {
	return func(ctx context.Context) (jobs.Report, error) {
		n, err := fn(ctx)
		return jobs.Report{name: n}, err
	}
}

// contribution is the kernel's own: health, and the metrics where they have a token and
// no address of their own.
func (a *App) contribution() Contribution {
	p := a.parts
	c := Contribution{
		Module:        platformName,
		Subscriptions: p.mail.Subscriptions(),
		Endpoints:     a.health.endpoints(),
		Health:        []HealthCheck{{Name: "database", Critical: true, Check: p.db.Ping}, {Name: "invalidation", Check: p.invalidation.Check}},
		Workers:       p.mail.Workers(),
		Actions:       []string{mail.ActionDead},
		Jobs: slices.Concat(p.mail.Periodic(), []jobs.Periodic{
			{
				Name: "prune_idempotency", Doc: "Removes the answers of repeatable requests whose day is over.",
				Every: pruneEvery, Timeout: pruneTimeout, Run: counted("removed", p.answers.Prune),
			},
			{
				Name: "prune_invalidations", Doc: "Removes entries of the invalidation log that no cached value is older than.",
				Every: pruneEvery, Timeout: pruneTimeout,
				Run: counted("removed", func(ctx context.Context) (int64, error) {
					return p.invalidation.Prune(ctx, p.clock.Now().Add(-keepInvalidations))
				}),
			},
		}),
	}
	c.Actions = append(c.Actions, actionDenied)
	if p.dbClock != nil {
		c.Health = append(c.Health, HealthCheck{Name: "clock", Critical: true, Check: p.dbClock.Check})
	}
	if p.redis != nil {
		c.Health = append(c.Health, HealthCheck{Name: "redis", Check: func(ctx context.Context) error {
			return p.redis.Ping(ctx).Err()
		}})
	}
	if metrics := p.platform.Metrics; metrics.Addr == "" && !metrics.Token.Empty() {
		c.Raw = append(c.Raw, httpx.Raw{
			Method: http.MethodGet, Path: "/metrics", Handler: telemetry.MetricsHandler(p.metrics, metrics.Token),
		})
	}
	return c
}
