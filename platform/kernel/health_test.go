package kernel_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/platformtest"
)

// ask sends a GET to the system's handler.
func ask(t *testing.T, app *kernel.App, path string, header ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	app.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// checked is a toy whose health check is the function.
func checked(critical bool, check func(context.Context) error) kernel.Module {
	m := toy("bear", &journal{})
	m.Build = func(kernel.Built) fx.Option {
		return kernel.Contribute(func() kernel.Contribution {
			c := toyContribution("bear", toyConfig{}, kernel.Features{})
			c.Health = []kernel.HealthCheck{{Name: "den", Critical: critical, Check: check}}
			return c
		})
	}
	return m
}

func TestHealth(t *testing.T) {
	t.Parallel()
	broken := func(context.Context) error { return errors.New("secret address 10.9.8.7") }
	slow := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	fine := func(context.Context) error { return nil }
	for name, tc := range map[string]struct {
		critical bool
		check    func(context.Context) error
		status   int
		want     string
		ready    int
	}{
		"fine":               {true, fine, http.StatusOK, `"healthy"`, http.StatusOK},
		"critical down":      {true, broken, http.StatusServiceUnavailable, `"unhealthy"`, http.StatusServiceUnavailable},
		"critical silent":    {true, slow, http.StatusServiceUnavailable, `"unhealthy"`, http.StatusServiceUnavailable},
		"dispensable down":   {false, broken, http.StatusOK, `"degraded"`, http.StatusOK},
		"dispensable silent": {false, slow, http.StatusOK, `"degraded"`, http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := build(t, options(t, []kernel.Module{checked(tc.critical, tc.check)}, withSessions()))
			if status, body := ask(t, app, "/api/health/ready"); status != http.StatusServiceUnavailable {
				t.Errorf("before the start ready answers %d %s", status, body)
			}
			if err := app.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = app.Stop(context.Background()) })
			status, body := ask(t, app, "/api/health")
			if status != tc.status || !strings.Contains(body, `"status":`+tc.want) || !strings.Contains(body, `"service":"authy2-backend"`) ||
				!strings.Contains(body, `"version":"1.2.3"`) || !strings.Contains(body, `"database":"up"`) || strings.Contains(body, "10.9.8.7") {
				t.Errorf("health answers %d %s", status, body)
			}
			if status, body := ask(t, app, "/api/health/ready"); status != tc.ready {
				t.Errorf("ready answers %d %s", status, body)
			}
			if status, body := ask(t, app, "/api/health/live"); status != http.StatusOK || !strings.Contains(body, `"status":"alive"`) {
				t.Errorf("live answers %d %s", status, body)
			}
		})
	}
}

func TestHealthOfTheDatabase(t *testing.T) {
	t.Parallel()
	app := build(t, options(t, []kernel.Module{toy("bear", &journal{})}, withSessions()))
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var envelope struct {
		Error struct {
			Type    string
			Details struct{ Checks map[string]string }
		}
	}
	status, body := ask(t, app, "/api/health")
	if err := json.Unmarshal([]byte(body), &envelope); err != nil || status != http.StatusServiceUnavailable ||
		envelope.Error.Type != "SERVICE_UNAVAILABLE" || envelope.Error.Details.Checks["database"] != "down" {
		t.Errorf("health without a database answers %d %s", status, body)
	}
	if status, body := ask(t, app, "/api/health/ready"); status != http.StatusServiceUnavailable {
		t.Errorf("ready after the stop answers %d %s", status, body)
	}
}

func TestManyWhoAskShareOneCheck(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	app := build(t, options(t, []kernel.Module{checked(true, func(context.Context) error { runs.Add(1); return nil })}, withSessions()))
	begun := time.Now()
	for range 200 {
		app.Health(t.Context())
	}
	// One run each quarter of a second, however long the machine took.
	if most := 2 + int64(time.Since(begun)/(250*time.Millisecond)); runs.Load() > most {
		t.Errorf("200 callers made %d checks, want at most %d", runs.Load(), most)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environ []string
		token   string
		want    int
	}{
		"without token or address": {nil, "x", http.StatusNotFound},
		"with the token":           {[]string{"METRICS_TOKEN=open-sesame"}, "open-sesame", http.StatusOK},
		"with another":             {[]string{"METRICS_TOKEN=open-sesame"}, "open", http.StatusUnauthorized},
		"on an address of its own": {[]string{"METRICS_TOKEN=open-sesame", "METRICS_ADDR=localhost:0"}, "open-sesame", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := build(t, options(t, []kernel.Module{toy("bear", &journal{})}, withSessions(), tc.environ...))
			if status, body := ask(t, app, "/metrics", "Authorization", "Bearer "+tc.token); status != tc.want {
				t.Errorf("/metrics answers %d, want %d: %.200s", status, tc.want, body)
			}
		})
	}
}

// TestOnPostgreSQLAndRedis starts the whole platform on the other backend.
func TestOnPostgreSQLAndRedis(t *testing.T) {
	t.Parallel()
	o := options(t, []kernel.Module{toy("bear", &journal{})}, withSessions(),
		"DATABASE_URL="+platformtest.PostgresURL(t), "REDIS_URL="+platformtest.RedisURL(t))
	o.Serve = true
	app := build(t, o)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Redis has a tenth of a second to answer, which a busy machine may not give it at once.
	platformtest.Eventually(t, 30*time.Second, "a healthy system", func() bool {
		status, body := ask(t, app, "/api/health")
		return status == http.StatusOK && strings.Contains(body, `"redis":"up"`) && strings.Contains(body, `"clock":"up"`) &&
			strings.Contains(body, `"status":"healthy"`)
	})
	if _, err := app.Jobs().RunOnce(t.Context(), "prune_invalidations"); err != nil {
		t.Errorf("prune_invalidations: %v", err)
	}
	if _, err := app.Jobs().RunOnce(t.Context(), "prune_idempotency"); err != nil {
		t.Errorf("prune_idempotency: %v", err)
	}
	if err := app.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLimitsBite(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		environ string
		want    int
	}{"two an hour": {"RATELIMIT_BEAR_GREET=2-H", http.StatusTooManyRequests}, "switched off": {"RATELIMIT_ENABLED=false", http.StatusOK}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := build(t, options(t, []kernel.Module{toy("bear", &journal{})}, withSessions(), tc.environ))
			for range 2 {
				if status, body := ask(t, app, "/api/v1/bear"); status != http.StatusOK {
					t.Fatalf("an admitted call answers %d %s", status, body)
				}
			}
			if status, body := ask(t, app, "/api/v1/bear"); status != tc.want {
				t.Errorf("the third call answers %d %s", status, body)
			}
		})
	}
}

// textOf returns the greeting in an answer.
func textOf(t *testing.T, body string) string {
	t.Helper()
	var envelope struct{ Data greeting }
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		t.Fatal(err)
	}
	return envelope.Data.Text
}
