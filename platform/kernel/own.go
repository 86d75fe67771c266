package kernel

import (
	"context"
	"net/http"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/telemetry"
)

// contribution is the kernel's own: health, and the metrics where they have a token and
// no address of their own.
func (a *App) contribution() Contribution {
	p := a.parts
	c := Contribution{
		Module:    platformName,
		Endpoints: a.health.endpoints(),
		Health:    []HealthCheck{{Name: "database", Critical: true, Check: p.db.Ping}},
	}
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
