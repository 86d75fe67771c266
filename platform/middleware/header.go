package middleware

import "github.com/gin-gonic/gin"

// The policies of answers that are no pages.
const (
	// APIContentPolicy lets an answer load nothing and be framed by nobody.
	APIContentPolicy = "default-src 'none'; frame-ancestors 'none'"
	// transportPolicy tells browsers to use TLS for a year (RFC 6797).
	transportPolicy = "max-age=31536000; includeSubDomains"
)

// value is the value of a header, shared by all answers. It has no spare capacity, so
// that adding to it copies it.
func value(s string) []string { return []string{s}[:1:1] }

// SecurityHeaders puts the security headers on every answer. A handler that shows a
// page replaces Content-Security-Policy by the page's own.
func SecurityHeaders(proxies Proxies) gin.HandlerFunc {
	var (
		nosniff     = value("nosniff")
		deny        = value("DENY")
		policy      = value(APIContentPolicy)
		referrer    = value("no-referrer")
		permissions = value("accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=()")
		sameOrigin  = value("same-origin")
		noStore     = value("no-store")
		transport   = value(transportPolicy)
	)
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h["X-Content-Type-Options"] = nosniff
		h["X-Frame-Options"] = deny
		h["Content-Security-Policy"] = policy
		h["Referrer-Policy"] = referrer
		h["Permissions-Policy"] = permissions
		h["Cross-Origin-Opener-Policy"] = sameOrigin
		h["Cache-Control"] = noStore
		if proxies.Secure(c.Request) {
			h["Strict-Transport-Security"] = transport
		}
		c.Next()
	}
}
