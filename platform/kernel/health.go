package kernel

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/httpx"
)

const (
	serviceName = "authy2-backend"
	// checkTimeout is how long one health check may take.
	checkTimeout = time.Second
	// checkEvery is how old an answer may be: whoever asks more often, and anybody may,
	// does not make the dependencies work more.
	checkEvery = 250 * time.Millisecond

	statusUp        = "up"
	statusDown      = "down"
	statusHealthy   = "healthy"
	statusDegraded  = "degraded"
	statusUnhealthy = "unhealthy"
)

// Health is the state of the system and of what it depends on.
type Health struct {
	Status  string            `json:"status" enum:"healthy,degraded,unhealthy" doc:"degraded: something that the service can do without is down."`
	Service string            `json:"service" doc:"Always authy2-backend."`
	Version string            `json:"version" doc:"The release that answers."`
	Checks  map[string]string `json:"checks" doc:"Each dependency: up or down."`
}

// Life says that the process runs.
type Life struct {
	Status string `json:"status" enum:"alive" doc:"Always alive."`
}

// Readiness says that requests may be sent here.
type Readiness struct {
	Status string            `json:"status" enum:"ready" doc:"Always ready."`
	Checks map[string]string `json:"checks" doc:"Each dependency: up or down."`
}

// health runs the checks. Concurrent callers share one run.
type health struct {
	version string
	clock   clock.Clock
	log     *slog.Logger
	checks  []HealthCheck
	// serving is false before the start is complete and after the stop has begun.
	serving atomic.Bool

	mu     sync.Mutex
	taken  time.Time
	recent Health
}

// errNotServing is what readiness says before and after.
var errNotServing = errors.New("the service is starting or stopping")

// report returns the state of the system, at most checkEvery old.
func (h *health) report(ctx context.Context) Health {
	h.mu.Lock()
	defer h.mu.Unlock()
	if age := h.clock.Now().Sub(h.taken); !h.taken.IsZero() && age >= 0 && age < checkEvery {
		return h.recent
	}
	h.recent = h.run(ctx)
	h.taken = h.clock.Now() // after the run: those who waited for it share its answer
	return h.recent
}

// run asks every check at once.
func (h *health) run(ctx context.Context) Health {
	// A caller that leaves must not make the next one read a failure.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	found := make([]error, len(h.checks))
	var wait sync.WaitGroup
	for i, c := range h.checks {
		wait.Go(func() { found[i] = c.Check(ctx) })
	}
	wait.Wait()
	r := Health{Status: statusHealthy, Service: serviceName, Version: h.version, Checks: map[string]string{}}
	for i, c := range h.checks {
		r.Checks[c.Name] = statusUp
		if found[i] == nil {
			continue
		}
		r.Checks[c.Name] = statusDown
		h.log.WarnContext(ctx, "a health check failed", "check", c.Name, "critical", c.Critical, "err", found[i])
		switch {
		case c.Critical:
			r.Status = statusUnhealthy
		case r.Status == statusHealthy:
			r.Status = statusDegraded
		}
	}
	return r
}

// ready returns the state, or why no request should be sent here.
func (h *health) ready(ctx context.Context) (Health, error) {
	if !h.serving.Load() {
		return Health{Checks: map[string]string{}}, errNotServing
	}
	r := h.report(ctx)
	if r.Status == statusUnhealthy {
		return r, errors.New("something that the service cannot work without is down")
	}
	return r, nil
}

// endpoints are the operations of the kernel itself.
func (h *health) endpoints() []httpx.Endpoint {
	up := map[string]string{"database": statusUp}
	return []httpx.Endpoint{
		httpx.Op(httpx.Operation{
			ID: "get-health", Method: http.MethodGet, Path: "/api/health", Access: httpx.Public,
			Summary: "Health of the service", Tag: "health", Errors: []int{http.StatusServiceUnavailable},
			Description:   "Answers 503 when something is down that the service cannot work without; `details` then hold the same members.",
			ResultExample: Health{Status: statusHealthy, Service: serviceName, Version: "1.0.0", Checks: up},
		}, func(ctx context.Context, _ *struct{}) (*httpx.Reply[Health], error) {
			r := h.report(ctx)
			if r.Status == statusUnhealthy {
				return nil, apperr.ErrUnavailable.WithRetryAfter(time.Second).
					With("status", r.Status).With("service", r.Service).With("version", r.Version).With("checks", r.Checks)
			}
			return &httpx.Reply[Health]{Data: r, Message: "The service is " + r.Status + "."}, nil
		}),
		httpx.Op(httpx.Operation{
			ID: "get-liveness", Method: http.MethodGet, Path: "/api/health/live", Access: httpx.Public,
			Summary: "The process runs", Tag: "health", ResultExample: Life{Status: "alive"},
			Description: "For the liveness probe of an orchestrator: it asks nothing of any dependency.",
		}, func(context.Context, *struct{}) (*httpx.Reply[Life], error) {
			return httpx.OK(Life{Status: "alive"}), nil
		}),
		httpx.Op(httpx.Operation{
			ID: "get-readiness", Method: http.MethodGet, Path: "/api/health/ready", Access: httpx.Public,
			Summary: "Ready for requests", Tag: "health", Errors: []int{http.StatusServiceUnavailable},
			Description:   "For the readiness probe of an orchestrator: 503 while the database is out of reach, while this machine's clock is wrong, and while the process starts or stops.",
			ResultExample: Readiness{Status: "ready", Checks: up},
		}, func(ctx context.Context, _ *struct{}) (*httpx.Reply[Readiness], error) {
			r, err := h.ready(ctx)
			if err != nil {
				return nil, apperr.ErrUnavailable.WithRetryAfter(time.Second).
					WithMessage("The service is not ready.").Wrap(err).With("checks", r.Checks)
			}
			return httpx.OK(Readiness{Status: "ready", Checks: r.Checks}), nil
		}),
	}
}
