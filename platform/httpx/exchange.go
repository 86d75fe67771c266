package httpx

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/authy2/backend/platform/authn"
)

// humaContext is embedded under a name that does not shadow its own method Context.
type humaContext = huma.Context

// exchange is one request to an operation and what becomes of it. It is the context
// through which huma reads the request; huma writes nothing through it, because every
// answer is written in one place.
type exchange struct {
	humaContext
	gin       *gin.Context
	ctx       context.Context //nolint:containedctx // an exchange lives as long as its request
	handler   handlerContext
	route     *route
	client    authn.Client
	principal *authn.Principal
	// tokenSent is true when the request carried a bearer token in due form.
	tokenSent bool
	// token is the session token that the request was let in by.
	token string
	// stream is which of the operation's Streams the client prefers; empty for JSON.
	stream string
	// body is the request body, once it was read.
	body []byte
	out  outcome
	err  error
}

// outcome is what a handler replied, without its type.
type outcome struct {
	// data points to the payload.
	data any
	Reply[struct{}]
}

func (r *route) newExchange(c *gin.Context) *exchange {
	ctx := c.Request.Context()
	return &exchange{humaContext: humagin.NewContext(r.huma, c), gin: c, ctx: ctx, route: r, client: authn.ClientFrom(ctx)}
}

type exchangeKey struct{}

// handlerContext is the context of a handler. It leads back to its exchange.
type handlerContext struct {
	context.Context
	ex *exchange
}

// Value returns the exchange, or what the request's context holds.
func (h *handlerContext) Value(key any) any {
	if key == (exchangeKey{}) {
		return h.ex
	}
	return h.Context.Value(key)
}

// exchangeFrom returns the exchange that a handler's context belongs to.
func exchangeFrom(ctx context.Context) *exchange {
	return ctx.Value(exchangeKey{}).(*exchange)
}

// handle lets huma bind the input and call the handler, whose result is in out and err
// afterwards.
func (ex *exchange) handle(ctx context.Context) {
	if ex.route.Permission != "" {
		ctx, _ = authn.WithDemand(ctx, ex.route.Permission)
	}
	ex.handler = handlerContext{Context: ctx, ex: ex}
	ex.route.serve(ex)
	if d := ex.demand(); d != nil && ex.err == nil && !d.IsMet() {
		ex.err = fmt.Errorf("httpx: operation %s succeeded, but nobody judged its permission %s", ex.route.ID, ex.route.Permission)
	}
}

// demand is the permission that the handler must have judged; nil when the operation
// declares none, and before its handler runs.
func (ex *exchange) demand() *authn.Demand {
	if ex.route.Permission == "" || ex.handler.Context == nil {
		return nil
	}
	return authn.DemandFrom(ex.handler.Context)
}

// Context returns the context of the handler.
func (ex *exchange) Context() context.Context { return &ex.handler }

// Header returns a request header; several lines of one name are one list (RFC 9110 §5.3).
// The content type was judged before, so huma is told what it came down to.
func (ex *exchange) Header(name string) string {
	if name == "Content-Type" {
		return mediaJSON
	}
	if values := ex.gin.Request.Header.Values(name); len(values) > 1 {
		return strings.Join(values, ", ")
	}
	return ex.gin.GetHeader(name)
}

// BodyReader returns the body that was read and checked before.
func (ex *exchange) BodyReader() io.Reader { return bytes.NewReader(ex.body) }

// SetReadDeadline does nothing: the body was read before.
func (ex *exchange) SetReadDeadline(time.Time) error { return nil }

// SetStatus does nothing: the answer is written elsewhere.
func (ex *exchange) SetStatus(int) {}

// SetHeader does nothing: the answer is written elsewhere.
func (ex *exchange) SetHeader(string, string) {}

// AppendHeader does nothing: the answer is written elsewhere.
func (ex *exchange) AppendHeader(string, string) {}

// BodyWriter returns a writer that keeps nothing: the answer is written elsewhere.
func (ex *exchange) BodyWriter() io.Writer { return io.Discard }
