package kernel_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"testing"
	"testing/fstest"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/fx"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/privacy"
	"github.com/authy2/backend/platform/ratelimit"
)

// toyConfig is the configuration of the toy module.
type toyConfig struct {
	Greeting string        `conf:"greeting" doc:"What it says."`
	Pause    time.Duration `conf:"pause" doc:"How long it waits."`
}

func (c toyConfig) Validate() error {
	if c.Greeting == "" {
		return errors.New("greeting: must not be empty")
	}
	return nil
}

// greeting is what the toy answers.
type greeting struct {
	Text string `json:"text" doc:"The greeting."`
}

// toy is a module that contributes one of everything. Its hooks append to journal.
func toy(name string, journal *journal, requires ...string) kernel.Module {
	return kernel.Define(kernel.Module{
		Name: name, Doc: "Greets.", Requires: requires,
		Features: []kernel.Feature{{Name: "loud", Doc: "Adds a shout.", Off: true}},
		Limits:   []ratelimit.Limit{{Name: name + "_greet", Default: "100-M", Doc: "Greetings by address."}},
		Migrations: fstest.MapFS{
			"20260101000000_" + name + ".tx.up.sql":   {Data: []byte("CREATE TABLE " + name + "_greetings (id TEXT PRIMARY KEY)")},
			"20260101000000_" + name + ".tx.down.sql": {Data: []byte("DROP TABLE " + name + "_greetings")},
		},
	}, func() toyConfig { return toyConfig{Greeting: "hello"} },
		func(cfg toyConfig, on kernel.Features) fx.Option {
			return fx.Options(
				fx.Supply(fx.Private, cfg, on),
				kernel.Contribute(func(lc fx.Lifecycle, cfg toyConfig, on kernel.Features) kernel.Contribution {
					lc.Append(fx.Hook{
						OnStart: func(context.Context) error { journal.add("start " + name); return nil },
						OnStop:  func(context.Context) error { journal.add("stop " + name); return nil },
					})
					return toyContribution(name, cfg, on)
				}),
			)
		})
}

func toyContribution(name string, cfg toyConfig, on kernel.Features) kernel.Contribution {
	greet := func(context.Context, *struct{}) (*httpx.Reply[greeting], error) {
		text := cfg.Greeting
		if on.On("loud") {
			text += "!"
		}
		return httpx.OK(greeting{Text: text}), nil
	}
	return kernel.Contribution{
		Module: name,
		Endpoints: []httpx.Endpoint{
			httpx.Op(httpx.Operation{
				ID: name + "-private", Method: http.MethodGet, Path: "/api/v1/" + name + "/private",
				Summary: "Greet in private", Tag: name, ResultExample: greeting{Text: "hello"},
			}, greet),
			httpx.Op(httpx.Operation{
				ID: name + "-public", Method: http.MethodGet, Path: "/api/v1/" + name, Access: httpx.Public, Limits: []string{name + "_greet"},
				Summary: "Greet", Tag: name, ResultExample: greeting{Text: "hello"},
			}, greet),
		},
		Raw:  []httpx.Raw{{Method: http.MethodGet, Path: "/" + name + ".txt", Handler: http.NotFoundHandler()}},
		Jobs: []jobs.Periodic{{Name: "greet_" + name, Doc: "Greets.", Every: time.Hour, Run: func(context.Context) (jobs.Report, error) { return jobs.Report{"greeted": 1}, nil }}},
		Subscriptions: []events.Subscription{
			events.On(name+".greet_user", func(context.Context, bun.Tx, events.UserRegistered) error { return nil }),
		},
		Health:    []kernel.HealthCheck{{Name: name, Check: func(context.Context) error { return nil }}},
		Seeds:     []kernel.Seed{{Name: name + "_greetings", Order: 10, Run: func(_ context.Context, progress func(string)) error { progress(name); return nil }}},
		Exporters: []privacy.Exporter{{Section: name, Export: func(context.Context, string) (any, error) { return struct{}{}, nil }}},
		Actions:   []string{name + ".greet"},
	}
}

// everyone is an authenticator, so that signed-in routes are mounted.
type everyone struct{}

func (everyone) Authenticate(context.Context, string) (*authn.Principal, error) {
	return &authn.Principal{SessionID: "s", UserID: "u"}, nil
}

func withSessions() fx.Option {
	return fx.Provide(func() authn.Authenticator { return everyone{} }, withoutRoles)
}

func withoutSessions() fx.Option {
	return fx.Provide(func() authn.Authenticator { return authn.NoAuthenticator{} }, withoutRoles)
}

func withoutRoles() authn.Authorizer { return authn.NoAuthorizer{} }

// options builds the options of a system of the modules on a private SQLite file.
func options(t *testing.T, modules []kernel.Module, wire fx.Option, environ ...string) kernel.Options {
	t.Helper()
	key := "0123456789abcdefghijklmnopqrstuv"
	environ = append([]string{
		"APP_ENV=testing", "BCRYPT_LOG_ROUNDS=4", "HTTP_ADDR=127.0.0.1:0", "DATABASE_AUTO_MIGRATE=true",
		"DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "test.db"),
		"SECRET_KEY=" + key, "ENCRYPTION_KEY=" + key, "CA_ENCRYPTION_KEY=" + key,
	}, environ...)
	loaded, err := config.Load(config.Options{Environ: environ}, kernel.Sections(modules))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := kernel.NewPlan(modules, loaded.Selection)
	if err != nil {
		t.Fatal(err)
	}
	return kernel.Options{Loaded: loaded, Plan: plan, Wire: wire, Version: "1.2.3"}
}

func build(t *testing.T, o kernel.Options) *kernel.App {
	t.Helper()
	app, err := kernel.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return app
}
