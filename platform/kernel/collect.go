package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/jobs"
	"github.com/authy2/backend/platform/privacy"
	"github.com/authy2/backend/platform/web"
)

// platformName is the name under which the kernel's own contribution appears.
const platformName = "platform"

// Route is one entry of the route table.
type Route struct {
	// Method is the HTTP method; empty means every method.
	Method string
	// Path is the route, parameters written {name}.
	Path string
	// Access is signed-in, maybe-signed-in, public, page for pages, or raw for other endpoints
	// outside the envelope.
	Access string
	// Permission is what the caller's role in an organization must grant; empty for routes
	// that have nothing to do with one.
	Permission authn.Permission
	// Module is the module that contributed it, or platform.
	Module string
}

// The values of Route.Access.
const (
	AccessSignedIn      = "signed-in"
	AccessMaybeSignedIn = "maybe-signed-in"
	AccessPublic        = "public"
	AccessPage          = "page"
	AccessRaw           = "raw"
)

// ports are what the wiring gives the kernel itself.
type ports struct {
	authenticator authn.Authenticator
	authorizer    authn.Authorizer
}

// lacks says why a route cannot be mounted; empty when it can.
func (p ports) lacks(r Route) string {
	_, nobody := p.authenticator.(authn.NoAuthenticator)
	_, noRoles := p.authorizer.(authn.NoAuthorizer)
	switch {
	case r.Access == AccessSignedIn && nobody:
		return "it needs a session, and no module gives sessions"
	case r.Permission != "" && noRoles:
		return "it needs a permission in an organization, and no module gives organizations"
	}
	return ""
}

// leftOut is a route that is not mounted, and why.
type leftOut struct {
	Route

	why string
}

// routeOf is the entry of an operation in the route table.
func routeOf(module string, e httpx.Endpoint) Route {
	r := Route{Method: e.Method, Path: e.Path, Access: AccessSignedIn, Permission: e.Permission, Module: module}
	switch e.Access {
	case httpx.SignedIn:
	case httpx.MaybeSignedIn:
		r.Access = AccessMaybeSignedIn
	case httpx.Public:
		r.Access = AccessPublic
	}
	return r
}

// collected is every contribution, in one fixed order: the platform's first, then by
// module, then by path. Groups of fx arrive in random order.
type collected struct {
	routes    []Route
	leftOut   []leftOut
	endpoints []httpx.Endpoint
	raw       []httpx.Raw
	pages     []web.Page
	periodic  []jobs.Periodic
	workers   []jobs.Worker
	inTx      []events.Subscription
	later     []events.Subscription
	health    []HealthCheck
	seeds     []Seed
	commands  []Command
	exporters []privacy.Exporter
	actions   []string
}

// collect sorts the contributions and checks them against the plan and one another. All
// problems are reported at once.
func collect(plan *Plan, contributions []Contribution, ports ports) (*collected, error) {
	contributions = slices.Clone(contributions)
	slices.SortFunc(contributions, func(a, b Contribution) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Module, b.Module))
	})
	c := &collected{routes: []Route{
		// What the edge itself serves.
		{Method: http.MethodGet, Path: "/api/docs", Access: AccessPublic, Module: platformName},
		{Method: http.MethodGet, Path: "/api/openapi.json", Access: AccessPublic, Module: platformName},
	}}
	problems := present(plan, contributions)
	if slices.ContainsFunc(contributions, func(one Contribution) bool { return len(one.Pages) > 0 }) {
		c.routes = append(c.routes, Route{Method: http.MethodGet, Path: web.AssetPath, Access: AccessRaw, Module: platformName})
	}
	declared := limits(plan)
	undeclared := func(module, method, path string, names []string) {
		for _, name := range names {
			if !declared[name] {
				problems = append(problems, fmt.Errorf("%s: %s %s counts against the limit %q, which no module declares", module, method, path, name))
			}
		}
	}
	for _, one := range contributions {
		for _, e := range sortedEndpoints(one.Endpoints) {
			undeclared(one.Module, e.Method, e.Path, e.Limits)
			r := routeOf(one.Module, e)
			if why := ports.lacks(r); why != "" {
				c.leftOut = append(c.leftOut, leftOut{r, why})
				continue
			}
			c.routes = append(c.routes, r)
			c.endpoints = append(c.endpoints, e)
		}
		for _, r := range sortedRaw(one.Raw) {
			c.routes = append(c.routes, Route{Method: r.Method, Path: r.Path, Access: AccessRaw, Module: one.Module})
			c.raw = append(c.raw, r)
		}
		for _, page := range sortedPages(one.Pages) {
			undeclared(one.Module, http.MethodGet, page.Path, page.GetLimits)
			undeclared(one.Module, http.MethodPost, page.Path, page.PostLimits)
			for _, method := range page.Methods() {
				c.routes = append(c.routes, Route{Method: method, Path: page.Path, Access: AccessPage, Module: one.Module})
			}
			c.pages = append(c.pages, page)
		}
		c.add(one)
	}
	slices.SortStableFunc(c.seeds, func(a, b Seed) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Name, b.Name))
	})
	problems = append(problems, c.unique()...)
	if err := c.reachable(); err != nil {
		problems = append(problems, err)
	}
	return c, errors.Join(problems...)
}

// add takes everything of a contribution but its routes.
func (c *collected) add(one Contribution) {
	c.periodic = append(c.periodic, one.Jobs...)
	c.workers = append(c.workers, one.Workers...)
	for _, s := range one.Subscriptions {
		if s.InTransaction() {
			c.inTx = append(c.inTx, s)
		} else {
			c.later = append(c.later, s)
		}
	}
	c.health = append(c.health, one.Health...)
	c.seeds = append(c.seeds, one.Seeds...)
	c.commands = append(c.commands, one.Commands...)
	c.exporters = append(c.exporters, one.Exporters...)
	c.actions = append(c.actions, one.Actions...)
}

// present wants exactly one contribution of every module that is on, and no other.
func present(plan *Plan, contributions []Contribution) []error {
	var problems []error
	seen := map[string]int{}
	for _, c := range contributions {
		seen[c.Module]++
		if c.Module != platformName && !plan.Has(c.Module) {
			problems = append(problems, fmt.Errorf("a contribution is made under the name %q, which no module that is on has", c.Module))
		}
	}
	for _, name := range plan.Names() {
		if n := seen[name]; n != 1 {
			problems = append(problems, fmt.Errorf("modules.%s makes %d contributions; every module makes one, with kernel.Contribute", name, n))
		}
	}
	return problems
}

// unique wants every name to be given once.
func (c *collected) unique() []error {
	names := map[string]string{}
	var problems []error
	claim := func(kind, name, by string) {
		if other, taken := names[kind+" "+name]; taken {
			problems = append(problems, fmt.Errorf("the %s %q is contributed twice (%s, %s)", kind, name, other, by))
		}
		names[kind+" "+name] = by
	}
	for _, r := range c.routes {
		claim("route", r.Method+" "+r.Path, r.Module)
	}
	for _, e := range c.endpoints {
		claim("operation", e.ID, e.Path)
	}
	for _, j := range c.periodic {
		claim("job", j.Name, j.Doc)
	}
	for _, s := range slices.Concat(c.inTx, c.later) {
		claim("subscriber", s.Subscriber+" of "+s.Event, s.Subscriber)
	}
	for _, h := range c.health {
		claim("health check", h.Name, h.Name)
	}
	for _, s := range c.seeds {
		claim("seed", s.Name, s.Name)
	}
	return problems
}

// reachable refuses a system that declares routes of which none can be reached, unless it
// is of use on the command line.
func (c *collected) reachable() error {
	if len(c.leftOut) == 0 || len(c.commands) > 0 {
		return nil
	}
	for _, r := range c.routes {
		if r.Module != platformName {
			return nil
		}
	}
	why := map[string]bool{}
	for _, r := range c.leftOut {
		why[r.why] = true
	}
	return fmt.Errorf("nobody could reach anything: every route of this set of modules is left out, because %s",
		strings.Join(slices.Sorted(maps.Keys(why)), ", or because "))
}

// limits returns the names of the limits that the modules that are on declare.
func limits(plan *Plan) map[string]bool {
	names := map[string]bool{}
	for _, m := range plan.on {
		for _, l := range m.Limits {
			names[l.Name] = true
		}
	}
	return names
}

func rank(c Contribution) int {
	if c.Module == platformName {
		return 0
	}
	return 1
}

func sortedEndpoints(all []httpx.Endpoint) []httpx.Endpoint {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b httpx.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return all
}

func sortedRaw(all []httpx.Raw) []httpx.Raw {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b httpx.Raw) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return all
}

func sortedPages(all []web.Page) []web.Page {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b web.Page) int { return cmp.Compare(a.Path, b.Path) })
	return all
}
