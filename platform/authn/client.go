package authn

import (
	"context"
	"net/netip"
)

// Client is where a request came from: facts for limits, sessions and the audit
// trail. It is set once by the middleware and only read afterwards.
type Client struct {
	// Address is the socket's address, or the right-most untrusted hop of
	// X-Forwarded-For when the socket belongs to a trusted proxy. It may be invalid
	// (zero) for calls that did not come over the network.
	Address netip.Addr
	// UserAgent is the User-Agent header, control characters removed, at most 512 bytes.
	UserAgent string
	// RequestID is the id that the answer, the log line and the audit row carry.
	RequestID string
	// TraceID is the trace id of traceparent (W3C Trace Context), or empty.
	TraceID string
}

// WithClient returns a context of a request that came from c.
func WithClient(ctx context.Context, c *Client) context.Context {
	return context.WithValue(ctx, clientKey, c)
}

// ClientFrom returns where the request came from; the zero Client outside a request.
func ClientFrom(ctx context.Context) Client {
	if c, ok := ctx.Value(clientKey).(*Client); ok {
		return *c
	}
	return Client{}
}

// Bucket returns the address as limits count it: an IPv4 address itself, an IPv6
// address by its /64, since one customer usually holds a whole /64. It returns
// "unknown" for the zero address.
func (c Client) Bucket() string {
	a := c.Address.Unmap()
	switch {
	case !a.IsValid():
		return "unknown"
	case a.Is4():
		return a.String()
	default:
		p, err := a.WithZone("").Prefix(64)
		if err != nil {
			return a.String()
		}
		return p.String()
	}
}
