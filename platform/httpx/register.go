package httpx

import (
	"context"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"

	"github.com/authy2/backend/platform/authn"
)

// route is a mounted operation, with everything about it that can be known before a
// request comes.
type route struct {
	Operation
	api     *API
	huma    *huma.Operation
	serve   func(huma.Context)
	head    head
	safe    bool
	hasBody bool
	query   map[string]*rule
	path    map[string]*rule
	body    *rule
	// bodyOptional is true when the body may be left out.
	bodyOptional bool
	// judge finds what else is wrong with a body; nil for operations without a judge.
	judge func(body []byte) map[string][]string
	// bodyExample is the example of the body as clients would send it.
	bodyExample any
}

// routeKey is where a huma operation keeps its route.
const routeKey = "route"

// register mounts an operation. It panics on a declaration that cannot be mounted,
// which [API.Mount] turns into an error.
func register[In, Out any](a *API, op Operation, handle Handler[In, Out], judge ...Judge[In]) {
	if op.Status == 0 {
		op.Status = http.StatusOK
	}
	op.mustFit()
	if _, nobody := a.deps.Authenticator.(authn.NoAuthenticator); nobody && op.Access == MaybeSignedIn {
		op.Access = Public // there is no session that could be known
	}
	r := &route{
		Operation: op, api: a,
		head: newHead(true, op.Status, sentence(op.Summary)),
		safe: op.Method == http.MethodGet,
	}
	if len(judge) > 0 {
		r.judge = judgeBody(judge[0])
	}
	if op.BodyExample != nil {
		b, err := json.Marshal(op.BodyExample, a.encoder.options)
		if err != nil {
			panic("the example of the body: " + err.Error())
		}
		r.bodyExample = plainValue(b)
	}
	described := a.describe(op, reflect.TypeFor[In](), reflect.TypeFor[Out]())
	described.Metadata = map[string]any{routeKey: r}
	huma.Register(a.huma, described, func(ctx context.Context, in *In) (*struct{}, error) {
		ex := exchangeFrom(ctx)
		reply, err := handle(ctx, in)
		if err != nil {
			ex.err = err
			return nil, nil //nolint:nilerr // the exchange carries it; huma writes nothing
		}
		if reply == nil {
			reply = new(Reply[Out])
		}
		ex.out = outcome{data: &reply.Data, Reply: Reply[struct{}]{
			Message: reply.Message, Location: reply.Location, ETag: reply.ETag, Cookies: reply.Cookies, Keep: reply.Keep,
			SignIn: reply.SignIn, SignOut: reply.SignOut, Page: reply.Page, Stream: reply.Stream,
		}}
		return nil, nil
	})
}

// mustFit panics on declarations that contradict one another.
func (op Operation) mustFit() {
	if op.Permission != "" && op.Access != SignedIn {
		panic("an operation with a permission needs SignedIn access")
	}
	if op.StepUp != NoStepUp && op.Access != SignedIn {
		panic("an operation with a step-up needs SignedIn access")
	}
	if op.StepUp == StepUpForStreams && len(op.Streams) == 0 {
		panic("a step-up for streams needs streams")
	}
	if len(op.Streams) > 0 && op.Idempotent {
		panic("a stream cannot be kept for an Idempotency-Key")
	}
	for _, media := range op.Streams {
		plain, params, err := mime.ParseMediaType(media)
		if err != nil || plain != media || len(params) > 0 || media == mediaJSON || media == mediaProblem {
			panic("a stream is of a media type in lower case, without parameters, and not JSON: " + media)
		}
	}
}

// judgeBody makes a judge one of raw bodies. What cannot be read into the input was
// complained of by the document's rules.
func judgeBody[In any](judge Judge[In]) func(body []byte) map[string][]string {
	return func(body []byte) map[string][]string {
		in := new(In)
		target := reflect.ValueOf(in).Elem().FieldByName("Body")
		if !target.IsValid() || json.Unmarshal(body, target.Addr().Interface()) != nil {
			return nil
		}
		return judge(in)
	}
}

// sentence ends a summary with a full stop, to make it a message.
func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

// adapter is how huma mounts an operation: its own router is gin, but what happens
// around an operation is decided here.
type adapter struct {
	huma.Adapter
	api *API
}

// Handle mounts an operation for its method, and for HEAD where that is GET.
func (ad adapter) Handle(op *huma.Operation, serve func(huma.Context)) {
	r := op.Metadata[routeKey].(*route)
	r.huma, r.serve = op, serve
	r.compile(ad.api.registry())
	r.requirePathParameters()
	r.requirePassword()
	path := ginPath(op.Path)
	ad.api.engine.Handle(op.Method, path, r.answer)
	if op.Method == http.MethodGet {
		ad.api.engine.Handle(http.MethodHead, path, r.answer)
	}
	ad.api.templates[path] = op.Path
	ad.api.routes = append(ad.api.routes, r)
}

// compile turns the described parameters and body into the rules that requests are
// checked by.
func (r *route) compile(registry huma.Registry) {
	r.query, r.path = map[string]*rule{}, map[string]*rule{}
	for _, p := range r.huma.Parameters {
		switch p.In {
		case "query":
			r.query[p.Name] = compileRule(registry, p.Schema)
			r.query[p.Name].required = p.Required
		case "path":
			r.path[p.Name] = compileRule(registry, p.Schema)
		}
	}
	if body := r.huma.RequestBody; body != nil {
		if media := body.Content[mediaJSON]; media != nil && media.Schema != nil {
			r.hasBody, r.bodyOptional = true, !body.Required
			r.body = compileRule(registry, media.Schema)
		}
	}
	if r.body == nil {
		r.body, r.bodyOptional = compileRule(registry, &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false}), true
	}
}

// requirePathParameters panics when the input does not bind a name of the path. Huma
// overlooks the fields of embedded structs whose type is not exported.
func (r *route) requirePathParameters() {
	for part := range strings.SplitSeq(r.huma.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			name = strings.TrimSuffix(strings.TrimSuffix(name, "}"), "...")
			if r.path[name] == nil {
				panic("the input has no exported field for the path parameter " + name)
			}
		}
	}
}

// ginPath writes a route's {name} as gin's :name, and {name...} as *name.
func ginPath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if !strings.HasPrefix(p, "{") || !strings.HasSuffix(p, "}") {
			continue
		}
		name := p[1 : len(p)-1]
		if rest, ok := strings.CutSuffix(name, "..."); ok {
			parts[i] = "*" + rest
		} else {
			parts[i] = ":" + name
		}
	}
	return strings.Join(parts, "/")
}

// answer serves one request to the operation.
func (r *route) answer(c *gin.Context) {
	ex := r.newExchange(c)
	if len(r.Streams) > 0 {
		h := c.Writer.Header()
		h["Vary"] = append(h["Vary"], "Accept") // the values are shared and have no room: this copies
		ex.stream = negotiate(c.Request.Header["Accept"], r.Streams)
	}
	if err := r.prepare(ex); err != nil {
		r.api.fail(ex, err)
		return
	}
	if r.Idempotent && r.api.deps.Answers != nil && len(c.Request.Header["Idempotency-Key"]) > 0 {
		r.api.answerOnce(ex)
		return
	}
	ex.handle(ex.ctx)
	if ex.err != nil {
		r.api.fail(ex, ex.err)
		return
	}
	r.api.succeed(ex)
}

// prepare judges a request before its handler runs: who is calling, how often, with what.
func (r *route) prepare(ex *exchange) error {
	if err := r.admit(ex); err != nil {
		return err
	}
	if err := r.stepUp(ex); err != nil {
		return err
	}
	if err := r.count(ex); err != nil {
		return err
	}
	return r.check(ex)
}
