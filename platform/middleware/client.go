package middleware

import (
	"net/http"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/authy2/backend/platform/authn"
)

// maxUserAgent is how many bytes of a User-Agent are kept.
const maxUserAgent = 512

// Arrival notes where a request came from: it puts an [authn.Client] into the context
// and answers with the request id. newID mints ids for requests that bring none.
func Arrival(proxies Proxies, newID func() string) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := c.Request
		id := requestID(r.Header["X-Request-Id"])
		if id == "" {
			id = newID()
		}
		client := authn.Client{
			Address:   proxies.Client(r),
			UserAgent: CleanUserAgent(r.Header.Get("User-Agent")),
			RequestID: id,
			TraceID:   TraceID(r.Header["Traceparent"]),
		}
		c.Writer.Header()["X-Request-Id"] = []string{id}
		c.Request = r.WithContext(authn.NewRequest(r.Context(), client))
		c.Next()
	}
}

// requestID returns the client's request id, or empty when it brought none that is 1 to
// 64 letters, digits, dots, underscores or dashes.
func requestID(values []string) string {
	if len(values) != 1 || values[0] == "" || len(values[0]) > 64 {
		return ""
	}
	for i := range len(values[0]) {
		switch c := values[0][i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-':
		default:
			return ""
		}
	}
	return values[0]
}

// CleanUserAgent returns s without control characters and invalid UTF-8, cut to 512
// bytes between characters.
func CleanUserAgent(s string) string {
	clean := len(s) <= maxUserAgent
	for i := 0; clean && i < len(s); i++ {
		clean = s[i] >= ' ' && s[i] <= '~'
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if (r != utf8.RuneError || size != 1) && !unicode.IsControl(r) {
			if b.Len()+size > maxUserAgent {
				break
			}
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// Proxies are the networks of reverse proxies whose forwarding headers are believed.
type Proxies []netip.Prefix

// trusts reports whether a belongs to a trusted proxy.
func (p Proxies) trusts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, prefix := range p {
		if prefix.Contains(a) {
			return true
		}
	}
	return false
}

// Client returns the address of the client: the socket's, or, when the socket belongs
// to a trusted proxy, the right-most hop of X-Forwarded-For that is not a trusted proxy
// itself. A hop that cannot be read ends the search at the last one that could.
func (p Proxies) Client(r *http.Request) netip.Addr {
	peer := peerOf(r)
	if len(p) == 0 || !p.trusts(peer) {
		return peer
	}
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for rest != "" {
			hop := rest
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, hop = rest[:comma], rest[comma+1:]
			} else {
				rest = ""
			}
			addr, ok := parseHop(strings.TrimSpace(hop))
			if !ok {
				return peer
			}
			peer = addr
			if !p.trusts(addr) {
				return peer
			}
		}
	}
	return peer
}

// Secure reports whether the client's own connection was TLS: to this process, or to a
// trusted proxy that says so in X-Forwarded-Proto.
func (p Proxies) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	if len(p) == 0 {
		return false
	}
	proto := r.Header["X-Forwarded-Proto"]
	return len(proto) == 1 && strings.EqualFold(strings.TrimSpace(proto[0]), "https") && p.trusts(peerOf(r))
}

// peerOf returns the address of the socket; the zero address when it has none.
func peerOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// parseHop reads one hop: an address, or an address and a port.
func parseHop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap(), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), true
	}
	return netip.Addr{}, false
}
