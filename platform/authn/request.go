package authn

import "context"

// Request is the context of one request. It answers for the client and the principal as
// [WithClient] and [WithPrincipal] would, at the cost of one value for both, because
// every request makes one.
type Request struct {
	context.Context
	client    Client
	principal *Principal
}

// NewRequest returns the context of a request that came from c, signed in by nobody.
func NewRequest(ctx context.Context, c Client) *Request { return &Request{Context: ctx, client: c} }

// SignIn makes the request act for p. The edge calls it once, before the handler runs.
func (r *Request) SignIn(p *Principal) { r.principal = p }

// Value returns the client, the principal, or what the context around it holds.
func (r *Request) Value(key any) any {
	if k, ok := key.(contextKey); ok {
		switch {
		case k == clientKey:
			return &r.client
		case k == principalKey && r.principal != nil:
			return r.principal
		}
	}
	return r.Context.Value(key)
}
