package kernel_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.uber.org/fx"

	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/ratelimit"
	"github.com/authy2/backend/platform/web"
)

// hall is a module that shows one page.
func hall(limit string) kernel.Module {
	show := func(context.Context, *web.Visit) (web.View, error) { return web.View{Title: "Welcome"}, nil }
	return kernel.Module{
		Name: "hall", Doc: "Shows a page.", Limits: []ratelimit.Limit{{Name: "hall_enter", Default: "100-M", Doc: "Visits by address."}},
		Build: func(kernel.Built) fx.Option {
			return kernel.Contribute(func() kernel.Contribution {
				return kernel.Contribution{Module: "hall", Pages: []web.Page{{Path: "/hall", Get: show, Post: show, PostLimits: []string{limit}}}}
			})
		},
	}
}

func TestPagesAreMountedWithTheirModule(t *testing.T) {
	t.Parallel()
	modules := []kernel.Module{toy("bear", &journal{}), hall("hall_enter")}
	get := func(app *kernel.App) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		app.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/hall", nil))
		return w
	}
	pages := []string{"GET /assets/{name} raw platform", "GET /hall page hall", "POST /hall page hall"}
	app := build(t, options(t, modules, withSessions(), "BRAND_NAME=Acme ID"))
	for _, want := range pages {
		if !slices.Contains(table(app.Routes()), want) {
			t.Errorf("%s is missing in %v", want, table(app.Routes()))
		}
	}
	if w := get(app); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "<title>Welcome – Acme ID</title>") {
		t.Errorf("the page is %d %s", w.Code, w.Body)
	}
	document, err := app.OpenAPI()
	if err != nil || strings.Contains(string(document), "/hall") {
		t.Errorf("pages are in the document, or %v", err)
	}
	app = build(t, options(t, modules, withSessions(), "MODULES=bear"))
	for _, never := range pages {
		if slices.Contains(table(app.Routes()), never) {
			t.Errorf("%s is left of a module that is off", never)
		}
	}
	if w := get(app); w.Code != http.StatusNotFound {
		t.Errorf("the page of a module that is off is %d", w.Code)
	}
	if _, err := kernel.New(options(t, []kernel.Module{hall("nobody_declares")}, withSessions())); err == nil ||
		!strings.Contains(err.Error(), `hall: POST /hall counts against the limit "nobody_declares", which no module declares`) {
		t.Errorf("an undeclared limit: %v", err)
	}
}
