package platformtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/fx"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/kernel"
)

// contractKey is a master key for systems that live as long as a test.
const contractKey = "contract:kq3vZ0mT8bWcR1xYp5sLdF7hJ2nGa6uE"

// Contract checks what the kernel promises about any module. ports fill the module's
// ports and provide authn.Authenticator and authn.Authorizer, which [AnyToken] does for a
// module that does not itself; environ are variables that the module cannot do without.
//
// Call it from a test that is not parallel: it counts goroutines.
func Contract(t *testing.T, m kernel.Module, ports fx.Option, environ ...string) {
	t.Helper()
	c := contract{module: m, ports: ports, environ: environ}
	t.Run("declaration", c.declaration)
	t.Run("settings", c.settings)
	t.Run("contribution", c.contribution)
	t.Run("document", c.document)
	t.Run("migrations", c.migrations)
	t.Run("start and stop", c.startAndStop)
}

// AnyToken provides an authenticator that takes every token for that of one user, and an
// authorizer that takes every user for an owner of every organization, so that operations
// with a permission are mounted.
func AnyToken() fx.Option {
	return fx.Provide(
		func() authn.Authenticator { return anyToken{} },
		func() authn.Authorizer { return anyRole{} },
	)
}

type anyRole struct{}

func (anyRole) Authorize(ctx context.Context, _ bun.IDB, userID, organizationID string, need authn.Permission) (authn.Membership, error) {
	authn.DemandFrom(ctx).Met(organizationID, need)
	return authn.Membership{OrganizationID: organizationID, UserID: userID, Role: "owner"}, nil
}

type anyToken struct{}

func (anyToken) Authenticate(context.Context, string) (*authn.Principal, error) {
	return &authn.Principal{SessionID: "01900000-0000-7000-8000-000000000001", UserID: "01900000-0000-7000-8000-000000000002"}, nil
}

// contract is a module under examination.
type contract struct {
	module  kernel.Module
	ports   fx.Option
	environ []string
}

// modules returns the module with an empty one for each that it requires.
func (c contract) modules() []kernel.Module {
	all := []kernel.Module{c.module}
	for _, name := range c.module.Requires {
		all = append(all, kernel.Module{Name: name, Doc: "An empty module.", Build: func(kernel.Built) fx.Option {
			return kernel.Contribute(func() kernel.Contribution { return kernel.Contribution{Module: name} })
		}})
	}
	return all
}

// load reads the configuration of a test installation.
func (c contract) load(t *testing.T, o config.Options) (*config.Loaded, error) {
	t.Helper()
	o.Environ = append([]string{
		"APP_ENV=testing", "BCRYPT_LOG_ROUNDS=4", "HTTP_ADDR=127.0.0.1:0", "DATABASE_AUTO_MIGRATE=true",
		"DATABASE_URL=sqlite:" + filepath.Join(t.TempDir(), "contract.db"),
		"SECRET_KEY=" + contractKey, "ENCRYPTION_KEY=" + contractKey, "CA_ENCRYPTION_KEY=" + contractKey,
	}, append(c.environ, o.Environ...)...)
	return config.Load(o, kernel.Sections(c.modules()))
}

// build makes a system of the module.
func (c contract) build(t *testing.T, log *slog.Logger, serve bool) *kernel.App {
	t.Helper()
	loaded, err := c.load(t, config.Options{})
	if err != nil {
		t.Fatalf("the defaults are refused: %v", err)
	}
	plan, err := kernel.NewPlan(c.modules(), loaded.Selection)
	if err != nil {
		t.Fatalf("plan: %v", err)
	}
	app, err := kernel.New(kernel.Options{
		Loaded: loaded, Plan: plan, Wire: c.ports, Version: "test", Log: log, Serve: serve, Database: database.Settings{Strict: true},
	})
	if err != nil {
		t.Fatalf("build: %v", err)
	}
	return app
}

func (c contract) declaration(t *testing.T) {
	m := c.module
	if m.Name == "" || m.Name != strings.ToLower(m.Name) || strings.ContainsAny(m.Name, "-. ") {
		t.Errorf("the name %q is not lower-case letters, digits and underscores", m.Name)
	}
	if !strings.HasSuffix(m.Doc, ".") {
		t.Errorf("Doc is not a sentence: %q", m.Doc)
	}
	for _, f := range m.Features {
		if !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("feature %s: Doc is not a sentence: %q", f.Name, f.Doc)
		}
	}
	for _, l := range m.Limits {
		if l.Doc == "" {
			t.Errorf("limit %s has no Doc", l.Name)
		}
	}
}

// settings wants defaults that are right, documentation of every key, and strictness.
func (c contract) settings(t *testing.T) {
	loaded, err := c.load(t, config.Options{})
	if err != nil {
		t.Fatalf("the defaults are refused: %v", err)
	}
	for _, row := range loaded.Table() {
		if strings.HasPrefix(row.Key, "modules."+c.module.Name+".") && row.Doc == "" {
			t.Errorf("%s has no doc tag", row.Key)
		}
	}
	file := filepath.Join(t.TempDir(), "unknown.yaml")
	content := "modules:\n  " + c.module.Name + ":\n    a_key_that_nothing_reads: 1\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.load(t, config.Options{File: file}); err == nil || !strings.Contains(err.Error(), "a_key_that_nothing_reads") {
		t.Errorf("an unknown key is not refused by name: %v", err)
	}
}

// contribution wants names that say whose they are, and nothing of others.
func (c contract) contribution(t *testing.T) {
	app := c.build(t, nil, false)
	for _, r := range append(app.Routes(), app.LeftOut()...) {
		if r.Module == c.module.Name && r.Access != kernel.AccessRaw && r.Access != kernel.AccessPage && !strings.HasPrefix(r.Path, "/api/v1/") {
			t.Errorf("%s %s does not lie under /api/v1/", r.Method, r.Path)
		}
	}
	for _, j := range app.Jobs().List() {
		if j.Doc == "" || j.Timeout > j.Every {
			t.Errorf("job %s: Doc %q, timeout %s, every %s; it needs a Doc and a timeout within the interval", j.Name, j.Doc, j.Timeout, j.Every)
		}
	}
	for _, s := range app.Seeds() {
		if !strings.HasPrefix(s.Name, c.module.Name+"_") || s.Run == nil {
			t.Errorf("seed %q: its name starts with the module's, and it runs something", s.Name)
		}
	}
	for _, action := range app.Actions() {
		if !strings.Contains(action, ".") {
			t.Errorf("action %q is not a dotted name", action)
		}
	}
	for _, command := range app.Commands() {
		if command.Short == "" || command.Use == "" {
			t.Errorf("command %q needs Use and Short", command.Use)
		}
	}
}

// document wants every operation described.
func (c contract) document(t *testing.T) {
	app := c.build(t, nil, false)
	raw, err := app.OpenAPI()
	if err != nil {
		t.Fatalf("document: %v", err)
	}
	var document struct {
		Paths map[string]map[string]struct {
			OperationID, Summary string
			Tags                 []string
		}
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatalf("document: %v", err)
	}
	for _, r := range app.Routes() {
		if r.Module != c.module.Name || r.Access == kernel.AccessRaw || r.Access == kernel.AccessPage {
			continue
		}
		o, ok := document.Paths[r.Path][strings.ToLower(r.Method)]
		if !ok || o.OperationID == "" || o.Summary == "" || len(o.Tags) == 0 {
			t.Errorf("%s %s lacks an id, a summary or a tag in the document: %+v", r.Method, r.Path, o)
		}
	}
}

// migrations wants pairs of files, that go up, down and up again on both backends, and
// tables that carry the module's name.
func (c contract) migrations(t *testing.T) {
	if c.module.Migrations == nil {
		return
	}
	files, err := fs.Glob(c.module.Migrations, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, up := range files {
		name, isUp := strings.CutSuffix(up, ".up.sql")
		if isUp && !slices.Contains(files, name+".down.sql") {
			t.Errorf("%s has no %s.down.sql", up, filepath.Base(name))
		}
	}
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + filepath.Join(t.TempDir(), "line.db") },
		"postgres": func() string { return PostgresURL(t) },
	} {
		t.Run(name, func(t *testing.T) { c.migrate(t, url()) })
	}
}

func (c contract) startAndStop(t *testing.T) {
	var before int
	for round := range 3 {
		heard := &alarm{Handler: slog.DiscardHandler}
		app := c.build(t, slog.New(heard), true)
		if round == 1 { // the first round leaves what a process makes once
			before = runtime.NumGoroutine()
		}
		if err := app.Start(t.Context()); err != nil {
			t.Fatalf("start: %v", err)
		}
		Eventually(t, 10*time.Second, "a healthy system", func() bool { return app.Health(t.Context()).Status == "healthy" })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := errors.Join(app.Stop(ctx), app.Stop(ctx)); err != nil {
			t.Errorf("stop: %v", err)
		}
		cancel()
		for _, line := range heard.lines() {
			t.Errorf("an unexpected log line: %s", line)
		}
		if round == 0 {
			continue
		}
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("goroutines right after the stop:\n%s", stacks)
			}
		})
		Eventually(t, 10*time.Second, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
	}
}

// alarm keeps the lines that a start and a stop should not write: warnings and errors.
type alarm struct {
	slog.Handler
	mu   sync.Mutex
	seen []string
}

func (a *alarm) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (a *alarm) Handle(ctx context.Context, r slog.Record) error {
	var line bytes.Buffer
	err := slog.NewTextHandler(&line, nil).Handle(ctx, r)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, line.String())
	return err
}

func (a *alarm) WithAttrs([]slog.Attr) slog.Handler { return a }
func (a *alarm) WithGroup(string) slog.Handler      { return a }

func (a *alarm) lines() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.seen)
}
