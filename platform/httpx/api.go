package httpx

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/middleware"
)

// mediaJSON is the media type of requests and answers.
const mediaJSON = "application/json"

// API is the HTTP edge of the system: the router, the operations mounted on it, and
// the document that describes them. Mount everything, then serve [API.Handler].
type API struct {
	settings  Settings
	base      string
	deps      Deps
	engine    *gin.Engine
	huma      huma.API
	encoder   *encoder
	origins   origins
	cookie    sessionCookie
	templates map[string]string
	refusals  map[string]func(http.ResponseWriter, *http.Request, error)
	routes    []*route
	document  sync.Once
	spec      []byte
	specErr   error
}

// humaOnce guards the only state that huma keeps for a whole process.
var humaOnce sync.Once //nolint:gochecknoglobals // what it guards belongs to the process too

// prepareHuma sets huma's hooks, once for the process: what huma refuses goes to the
// exchange like every other error, and lists are never null.
func prepareHuma() {
	humaOnce.Do(func() {
		huma.DefaultArrayNullable = false
		huma.NewError = func(status int, message string, _ ...error) huma.StatusError {
			return &bindError{status: status, message: message}
		}
		huma.NewErrorWithContext = func(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
			e := &bindError{status: status, message: message}
			if ex, ok := ctx.(*exchange); ok {
				ex.err = bindFailure(status, errs)
			}
			return e
		}
	})
}

// New makes an API without operations. It does no I/O.
func New(s Settings, d Deps) (*API, error) {
	public, err := url.Parse(s.PublicURL)
	if err != nil || public.Host == "" || (public.Scheme != "http" && public.Scheme != "https") {
		return nil, errors.New("httpx: the public URL must be an http or https address")
	}
	if d.Log == nil || d.Clock == nil || d.Authenticator == nil {
		return nil, errors.New("httpx: a log, a clock and an authenticator are needed")
	}
	prepareHuma()
	if s.BodyLimit == 0 {
		s.BodyLimit = DefaultBodyLimit
	}
	if s.BodyTimeout == 0 {
		s.BodyTimeout = defaultBodyTimeout
	}
	if s.StallTimeout == 0 {
		s.StallTimeout = defaultStallTimeout
	}
	a := &API{
		settings: s, base: strings.TrimRight(s.PublicURL, "/"), deps: d, encoder: newEncoder(), templates: map[string]string{},
		refusals: map[string]func(http.ResponseWriter, *http.Request, error){},
		origins:  newOrigins(public, s.CORSOrigins),
		cookie:   sessionCookie{secure: public.Scheme == "https"},
	}
	if err := a.buildEngine(); err != nil {
		return nil, err
	}
	a.huma = huma.NewAPI(a.humaConfig(public), adapter{Adapter: humagin.New(a.engine, huma.Config{OpenAPI: &huma.OpenAPI{}}).Adapter(), api: a})
	a.mountDocs()
	return a, nil
}

// buildEngine makes the router with everything that happens to every request.
func (a *API) buildEngine() error {
	gin.SetMode(gin.ReleaseMode)
	a.engine = gin.New()
	a.engine.HandleMethodNotAllowed = true
	a.engine.RedirectTrailingSlash = false
	a.engine.RedirectFixedPath = false
	a.engine.ForwardedByClientIP = false
	if err := a.engine.SetTrustedProxies(nil); err != nil {
		return fmt.Errorf("httpx: trusted proxies: %w", err)
	}
	var metrics *middleware.Metrics
	if a.deps.Metrics != nil {
		var err error
		if metrics, err = middleware.NewMetrics(a.deps.Metrics); err != nil {
			return fmt.Errorf("httpx: %w", err)
		}
	}
	proxies := middleware.Proxies(a.settings.TrustedProxies)
	a.engine.Use(
		middleware.Arrival(proxies, id.NewRequest),
		middleware.AccessLog(a.deps.Log, a.deps.Clock, metrics, a.template),
		middleware.SecurityHeaders(proxies),
		middleware.CORS(a.settings.CORSOrigins),
		middleware.Recovery(a.deps.Log, a.template, a.refuse),
		middleware.BodyLimit(a.settings.BodyLimit, a.refuse),
	)
	a.engine.NoRoute(func(c *gin.Context) { a.refuse(c, apperr.ErrNotFound) })
	a.engine.NoMethod(func(c *gin.Context) { a.refuse(c, apperr.ErrMethodNotAllowed) })
	return nil
}

// template names the route of a request for logs and metrics; never its path.
func (a *API) template(c *gin.Context) string {
	full := c.FullPath()
	if full == "" {
		return "unmatched"
	}
	if t, ok := a.templates[full]; ok {
		return t
	}
	return full
}

// Mount adds operations and raw endpoints. It must not be called once requests are
// served. An operation that cannot be mounted is an error that names it.
func (a *API) Mount(endpoints []Endpoint, raw []Raw) error {
	for _, e := range endpoints {
		if err := a.mountOne(e.Method+" "+e.Path, func() { e.mount(a) }); err != nil {
			return err
		}
	}
	for _, e := range raw {
		if err := a.mountOne(e.Method+" "+e.Path, func() { a.mountRaw(e) }); err != nil {
			return err
		}
	}
	return nil
}

// mountOne turns the panics of gin and huma, which mean a wrong declaration, into an error.
func (a *API) mountOne(what string, mount func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("httpx: mount %s: %v", what, v)
		}
	}()
	mount()
	return nil
}

// mountRaw mounts an endpoint outside the envelope.
func (a *API) mountRaw(e Raw) {
	path := ginPath(e.Path)
	handler := func(c *gin.Context) {
		for _, p := range c.Params {
			c.Request.SetPathValue(p.Key, p.Value)
		}
		c.Request.Pattern = e.Path
		e.Handler.ServeHTTP(c.Writer, c.Request)
	}
	a.templates[path] = e.Path
	if e.Refuse != nil {
		a.refusals[path] = e.Refuse
	}
	switch e.Method {
	case "":
		a.engine.Any(path, handler)
	case http.MethodGet:
		a.engine.HEAD(path, handler)
		a.engine.GET(path, handler)
	default:
		a.engine.Handle(e.Method, path, handler)
	}
}

// Handler serves the API.
func (a *API) Handler() http.Handler { return a.engine }

// Operations lists the mounted operations in the order in which they were mounted.
func (a *API) Operations() []Operation {
	out := make([]Operation, len(a.routes))
	for i, r := range a.routes {
		out[i] = r.Operation
	}
	return out
}

// registry returns the schemas of the document.
func (a *API) registry() huma.Registry { return a.huma.OpenAPI().Components.Schemas }
