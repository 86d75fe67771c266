package kernel_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"
	"go.uber.org/fx"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/kernel"
)

// trail hears facts; it refuses them while broken is set.
type trail struct {
	mu     sync.Mutex
	facts  []events.Fact
	broken error
}

func (tr *trail) hear(ctx context.Context, _ bun.Tx, f events.Fact) error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if authn.ClientFrom(ctx).RequestID == "" {
		return errors.New("a fact without its request")
	}
	tr.facts = append(tr.facts, f)
	return tr.broken
}

// club is a module with an operation that needs a permission, in a plain and in a
// repeatable form, and with one that anybody may call.
func club(hear *trail) kernel.Module {
	enter := func(context.Context, bun.Tx) error { return apperr.ErrAuthorization }
	m := toy("club", &journal{})
	m.Build = func(kernel.Built) fx.Option {
		return kernel.Contribute(func(db *database.DB) kernel.Contribution {
			op := func(id, path string, idempotent bool) httpx.Endpoint {
				return httpx.Op(httpx.Operation{
					ID: id, Method: http.MethodPost, Path: path, Permission: authn.PermissionMembersManage, Idempotent: idempotent,
					Summary: "Enter", Tag: "club", ResultExample: httpx.Empty{},
				}, func(ctx context.Context, _ *struct{}) (*httpx.Reply[httpx.Empty], error) {
					authn.DemandFrom(ctx).Denied("o1")
					return nil, db.InTx(ctx, enter)
				})
			}
			c := toyContribution("club", toyConfig{Greeting: "hello"}, kernel.Features{})
			c.Endpoints = append(c.Endpoints, op("enter", "/api/v1/club/enter", false), op("enter-once", "/api/v1/club/once", true),
				httpx.Op(httpx.Operation{
					ID: "look", Method: http.MethodGet, Path: "/api/v1/club/look", Access: httpx.MaybeSignedIn,
					Summary: "Look", Tag: "club", ResultExample: greeting{Text: "hello"},
				}, func(ctx context.Context, _ *struct{}) (*httpx.Reply[greeting], error) {
					p, _ := authn.PrincipalFrom(ctx)
					if p == nil {
						return httpx.OK(greeting{Text: "nobody"}), nil
					}
					return httpx.OK(greeting{Text: p.UserID}), nil
				}))
			if hear != nil {
				c.Subscriptions = append(c.Subscriptions, events.On("club.hear_fact", hear.hear))
			}
			return c
		})
	}
	return m
}

// roles is an authorizer, so that operations with a permission are mounted.
type roles struct{ authn.NoAuthorizer }

func withRoles() fx.Option {
	return fx.Provide(func() authn.Authenticator { return everyone{} }, func() authn.Authorizer { return roles{} })
}

// started builds and starts the club.
func started(t *testing.T, hear *trail, wire fx.Option, log *slog.Logger) *kernel.App {
	t.Helper()
	o := options(t, []kernel.Module{club(hear)}, wire)
	o.Log = log
	app := build(t, o)
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return app
}

func call(app *kernel.App, method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	app.Handler().ServeHTTP(w, r)
	return w
}

// TestDenialIsAFact: one refusal is one fact, however often an Idempotency-Key repeats
// its answer.
func TestDenialIsAFact(t *testing.T) {
	t.Parallel()
	hear := &trail{}
	app := started(t, hear, withRoles(), nil)
	for _, path := range []string{"/api/v1/club/enter", "/api/v1/club/once", "/api/v1/club/once"} {
		w := call(app, "POST", path, "Authorization", "Bearer x", "Idempotency-Key", "k")
		if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "AUTHORIZATION_ERROR") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	fact := func(operation string) events.Fact {
		return events.Fact{
			Action: "access.denied", ActorID: "u", ResourceType: "operation", ResourceID: operation, OrganizationID: "o1",
			ErrorType: "AUTHORIZATION_ERROR", Metadata: map[string]string{"permission": "members:manage"},
		}
	}
	if want := []events.Fact{fact("enter"), fact("enter-once")}; !reflect.DeepEqual(hear.facts, want) {
		t.Errorf("facts:\n%+v\nwant:\n%+v", hear.facts, want)
	}
}

// TestDenialThatCannotBeRecorded: the answer is the same, and the log tells of it.
func TestDenialThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	app := started(t, &trail{broken: errors.New("the trail is full")}, withRoles(), slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelError})))
	if w := call(app, "POST", "/api/v1/club/enter", "Authorization", "Bearer x"); w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := lines.String(); !strings.Contains(got, "the trail is full") || !strings.Contains(got, "operation=enter") || strings.Count(got, "\n") != 1 {
		t.Errorf("log:\n%s", got)
	}
}

// TestUnheardDenial: without a trail nothing is written for a refusal.
func TestUnheardDenial(t *testing.T) {
	t.Parallel()
	app := started(t, nil, withRoles(), nil)
	if w := call(app, "POST", "/api/v1/club/enter", "Authorization", "Bearer x"); w.Code != http.StatusForbidden {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestRoutesByWhatThereIs: what needs a permission is left out without organizations, and
// who may be anonymous is anonymous without sessions.
func TestRoutesByWhatThereIs(t *testing.T) {
	t.Parallel()
	permission := []string{"POST /api/v1/club/enter signed-in club", "POST /api/v1/club/once signed-in club"}
	private := "GET /api/v1/club/private signed-in club"
	for name, tc := range map[string]struct {
		wire    fx.Option
		leftOut []string
		said    string
		who     string
	}{
		"sessions and organizations": {withRoles(), []string{}, "", "u"},
		"sessions alone":             {withSessions(), permission, "it needs a permission in an organization, and no module gives organizations", "u"},
		"neither":                    {withoutSessions(), []string{permission[0], permission[1], private}, "it needs a session, and no module gives sessions", "nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var lines bytes.Buffer
			app := started(t, nil, tc.wire, slog.New(slog.NewTextHandler(&lines, nil)))
			left := table(app.LeftOut())
			if !sameSet(left, tc.leftOut) {
				t.Errorf("left out: %v, want %v", left, tc.leftOut)
			}
			if got := strings.Count(lines.String(), "a route is left out, because "+tc.said); tc.said != "" && got != len(tc.leftOut) {
				t.Errorf("%d lines say %q:\n%s", got, tc.said, lines.String())
			}
			for _, r := range app.Routes() {
				if (r.Permission == authn.PermissionMembersManage) != (r.Path == "/api/v1/club/enter" || r.Path == "/api/v1/club/once") {
					t.Errorf("%s needs %q", r.Path, r.Permission)
				}
				if r.Path == "/api/v1/club/look" && r.Access != kernel.AccessMaybeSignedIn {
					t.Errorf("look is %s", r.Access)
				}
			}
			for _, header := range [][]string{{"Authorization", "Bearer x"}, {"Cookie", "authy2_session=x"}} {
				w := call(app, "GET", "/api/v1/club/look", header...)
				if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"text":"`+tc.who+`"`) {
					t.Errorf("look with %v: %d %s", header, w.Code, w.Body)
				}
			}
		})
	}
}

func sameSet(a, b []string) bool {
	seen := map[string]int{}
	for _, s := range a {
		seen[s]++
	}
	for _, s := range b {
		seen[s]--
	}
	for _, n := range seen {
		if n != 0 {
			return false
		}
	}
	return true
}

// TestPermissionNeedsASession: the declaration that contradicts itself is refused by name.
func TestPermissionNeedsASession(t *testing.T) {
	t.Parallel()
	m := toy("bear", &journal{})
	m.Build = func(kernel.Built) fx.Option {
		return kernel.Contribute(func() kernel.Contribution {
			c := toyContribution("bear", toyConfig{Greeting: "hello"}, kernel.Features{})
			c.Endpoints = append(c.Endpoints, httpx.Op(httpx.Operation{
				ID: "open", Method: http.MethodGet, Path: "/api/v1/bear/open", Access: httpx.Public, Permission: authn.PermissionAuditRead,
				Summary: "Open", Tag: "bear", ResultExample: httpx.Empty{},
			}, func(context.Context, *struct{}) (*httpx.Reply[httpx.Empty], error) { return nil, nil }))
			return c
		})
	}
	if _, err := kernel.New(options(t, []kernel.Module{m}, withRoles())); err == nil || !strings.Contains(err.Error(), "/api/v1/bear/open: an operation with a permission needs SignedIn access") {
		t.Errorf("New = %v", err)
	}
}
