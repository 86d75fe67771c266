package kernel_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/fx"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/platformtest"
)

// journal records what happened in which order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

func TestRoutesAreSortedHoweverTheGroupArrives(t *testing.T) {
	t.Parallel()
	want := []string{
		"GET /api/docs public platform", "GET /api/openapi.json public platform",
		"GET /api/health public platform", "GET /api/health/live public platform", "GET /api/health/ready public platform",
		"GET /api/v1/bear public bear", "GET /api/v1/bear/private signed-in bear", "GET /bear.txt raw bear",
		"GET /api/v1/crow public crow", "GET /api/v1/crow/private signed-in crow", "GET /crow.txt raw crow",
		"GET /api/v1/duck public duck", "GET /api/v1/duck/private signed-in duck", "GET /duck.txt raw duck",
	}
	for range 10 {
		j := &journal{}
		app := build(t, options(t, []kernel.Module{toy("duck", j), toy("bear", j), toy("crow", j)}, withSessions()))
		if got := table(app.Routes()); !reflect.DeepEqual(got, want) {
			t.Fatalf("routes:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func table(routes []kernel.Route) []string {
	out := make([]string, 0, len(routes))
	for _, r := range routes {
		out = append(out, r.Method+" "+r.Path+" "+r.Access+" "+r.Module)
	}
	return out
}

func TestWithoutSessionsSignedInRoutesAreLeftOut(t *testing.T) {
	t.Parallel()
	app := build(t, options(t, []kernel.Module{toy("bear", &journal{})}, withoutSessions()))
	if got := table(app.LeftOut()); !reflect.DeepEqual(got, []string{"GET /api/v1/bear/private signed-in bear"}) {
		t.Errorf("left out: %v", got)
	}
	document, err := app.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(document), "/api/v1/bear/private") || !strings.Contains(string(document), "/api/v1/bear\"") {
		t.Errorf("the document does not show what is mounted:\n%s", document)
	}
}

func TestContributionsAreCollected(t *testing.T) {
	t.Parallel()
	j := &journal{}
	app := build(t, options(t, []kernel.Module{toy("crow", j), toy("bear", j, "crow")}, withSessions()))
	var seeds, jobNames, lines, said []string
	for _, s := range app.Seeds() {
		seeds = append(seeds, s.Name)
	}
	for _, p := range app.Jobs().List() {
		jobNames = append(jobNames, p.Name)
	}
	for _, l := range app.Lines() {
		lines = append(lines, l.Name)
	}
	if err := app.Seed(t.Context(), func(s string) { said = append(said, s) }); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what      string
		got, want []string
	}{
		{"seeds", seeds, []string{"bear_greetings", "crow_greetings"}},
		{"progress", said, []string{"bear", "crow"}},
		{"lines", lines, []string{"platform", "crow", "bear"}},
		{"actions", app.Actions(), []string{"access.denied", "bear.greet", "crow.greet", "mail.dead"}},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s = %v, want %v", tc.what, tc.got, tc.want)
		}
	}
	for _, want := range []string{"greet_bear", "greet_crow"} {
		if !slices.Contains(jobNames, want) {
			t.Errorf("jobs = %v, want %s among them", jobNames, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	rename := func(change func(c *kernel.Contribution)) kernel.Module {
		m := toy("bear", &journal{})
		m.Build = func(kernel.Built) fx.Option {
			return kernel.Contribute(func() kernel.Contribution {
				c := toyContribution("bear", toyConfig{Greeting: "hello"}, kernel.Features{})
				change(&c)
				return c
			})
		}
		return m
	}
	lost := toy("bear", &journal{})
	lost.Build = func(kernel.Built) fx.Option { return fx.Options() }
	for name, tc := range map[string]struct {
		module kernel.Module
		wire   fx.Option
		want   string
	}{
		"another name":      {rename(func(c *kernel.Contribution) { c.Module = "crow" }), withSessions(), `under the name "crow"`},
		"no contribution":   {lost, withSessions(), "modules.bear makes 0 contributions"},
		"an unfilled port":  {toy("bear", &journal{}), fx.Options(), "authn.Authenticator"},
		"no authorizer":     {toy("bear", &journal{}), fx.Provide(func() authn.Authenticator { return everyone{} }), "authn.Authorizer"},
		"a route twice":     {rename(func(c *kernel.Contribution) { c.Endpoints = append(c.Endpoints, c.Endpoints[0]) }), withSessions(), `the route "GET /api/v1/bear/private" is contributed twice`},
		"a job twice":       {rename(func(c *kernel.Contribution) { c.Jobs = append(c.Jobs, c.Jobs[0]) }), withSessions(), `the job "greet_bear" is contributed twice`},
		"an unknown limit":  {rename(func(c *kernel.Contribution) { c.Endpoints[0].Limits = []string{"nope"} }), withSessions(), `the limit "nope", which no module declares`},
		"nobody could come": {rename(func(c *kernel.Contribution) { c.Endpoints, c.Raw = c.Endpoints[:1], nil }), withoutSessions(), "nobody could reach anything"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := kernel.New(options(t, []kernel.Module{tc.module}, tc.wire))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("New = %v, want %q", err, tc.want)
			}
		})
	}
}

func TestCommandsMakeAnUnreachableSetUseful(t *testing.T) {
	t.Parallel()
	m := toy("audit", &journal{})
	m.Build = func(kernel.Built) fx.Option {
		return kernel.Contribute(func() kernel.Contribution {
			c := toyContribution("audit", toyConfig{}, kernel.Features{})
			c.Endpoints, c.Raw, c.Commands = c.Endpoints[:1], nil, []kernel.Command{{Use: "audit"}}
			return c
		})
	}
	app := build(t, options(t, []kernel.Module{m}, withoutSessions()))
	if got := app.Commands(); len(got) != 1 || got[0].Use != "audit" {
		t.Errorf("commands = %v", got)
	}
}

func TestStartAndStopInOrder(t *testing.T) {
	t.Parallel()
	j := &journal{}
	app := build(t, options(t, []kernel.Module{toy("bear", j)}, fx.Options(withSessions(), fx.Invoke(func(lc fx.Lifecycle, _ authn.Authenticator) {}))))
	if err := app.Stop(t.Context()); err != nil {
		t.Errorf("Stop before Start: %v", err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := app.DB().Ping(t.Context()); err != nil {
		t.Errorf("Ping of a started system: %v", err)
	}
	if err := app.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "started already") {
		t.Errorf("second Start = %v", err)
	}
	for range 2 {
		if err := app.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := j.all(); !reflect.DeepEqual(got, []string{"start bear", "stop bear"}) {
		t.Errorf("journal = %v", got)
	}
	if err := app.DB().Ping(t.Context()); err == nil {
		t.Error("the database answers after Stop")
	}
}

func TestStartFailsOnAnOldDatabase(t *testing.T) {
	t.Parallel()
	app := build(t, options(t, []kernel.Module{toy("bear", &journal{})}, withSessions(), "DATABASE_AUTO_MIGRATE=false"))
	err := app.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "bear (1)") || !strings.Contains(err.Error(), "authy2 db upgrade") {
		t.Errorf("Start = %v", err)
	}
}

func TestStartRefusesWithoutKeys(t *testing.T) {
	t.Parallel()
	app := build(t, options(t, []kernel.Module{toy("bear", &journal{})}, withSessions(), "SECRET_KEY="))
	if err := app.Start(t.Context()); err == nil || !strings.Contains(err.Error(), "SECRET_KEY") {
		t.Errorf("Start = %v", err)
	}
}

// TestServeTwiceLeavesNoGoroutine is not parallel: it counts goroutines.
func TestServeTwiceLeavesNoGoroutine(t *testing.T) { //nolint:paralleltest // see above
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	for round := range 3 {
		o := options(t, []kernel.Module{toy("bear", &journal{})}, withSessions(), "METRICS_ADDR=localhost:0")
		o.Serve = true
		app := build(t, o)
		before := runtime.NumGoroutine()
		ctx, cancel := context.WithCancel(t.Context())
		if err := app.Start(ctx); err != nil {
			t.Fatal(err)
		}
		cancel() // the context of the start is for starting only
		get := func(path string) (int, map[string]any) {
			t.Helper()
			response, err := client.Get("http://" + app.Addr().String() + path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			var parsed map[string]any
			_ = json.Unmarshal(body, &parsed)
			return response.StatusCode, parsed
		}
		status, body := get("/api/health/ready")
		if status != http.StatusOK {
			t.Errorf("round %d: ready answers %d %v", round, status, body)
		}
		status, body = get("/api/health")
		data, _ := body["data"].(map[string]any)
		if status != http.StatusOK || data["status"] != "healthy" || data["service"] != "authy2-backend" || data["version"] != "1.2.3" {
			t.Errorf("round %d: health answers %d %v", round, status, body)
		}
		if err := app.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		platformtest.Eventually(t, 10*time.Second, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	}
}
