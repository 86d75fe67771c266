package httpx

import (
	"context"
	"net/http"
	"time"

	"github.com/authy2/backend/platform/secret"
)

// Keep is a value that a browser keeps for this server, in a cookie that no script can read
// and that leaves for this very host only.
type Keep struct {
	// Name is the cookie's name without prefix.
	Name string
	// Value is kept For so long; zero removes it.
	Value secret.String
	For   time.Duration
}

// keptName returns the name of the cookie as it travels.
func (s sessionCookie) keptName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

// keep returns the cookie of a value.
func (s sessionCookie) keep(k Keep) *http.Cookie {
	c := s.base() //nolint:gosec // base sets the attributes
	c.Name, c.Value, c.MaxAge = s.keptName(k.Name), k.Value.Reveal(), int(k.For.Round(time.Second)/time.Second)
	if k.For <= 0 {
		c.Value, c.MaxAge = "", -1
	}
	return c
}

// KeptCookie returns the value that a [Keep] of the name left with the client whose request
// the context belongs to; empty for none, and outside a request. ours reports whether the
// request shows that one of our own or listed pages sent it: a value that lets somebody in
// counts only then.
func KeptCookie(ctx context.Context, name string) (value string, ours bool) {
	ex, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		return "", false
	}
	header, a := ex.gin.Request.Header, ex.route.api
	return readCookie(header, a.cookie.keptName(name)), ex.route.safe || a.origins.mayChange(header)
}
