package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// CORS lets scripts of the listed origins, and of no other, read answers and send
// cookies. Origins are compared exactly. A preflight from a listed origin is answered
// for any path; one from elsewhere gets no permission.
func CORS(origins []string) gin.HandlerFunc {
	allowed := make(map[string][]string, len(origins))
	for _, o := range origins {
		allowed[o] = value(o)
	}
	var (
		vary          = value("Origin")
		varyPreflight = value("Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
		yes           = value("true")
		methods       = value("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		headers       = value("Content-Type, Authorization, X-Requested-With, X-Request-ID, Cache-Control, Pragma, " +
			"X-WebAuthn-Session-Token, Idempotency-Key, If-Match, If-None-Match, traceparent")
		exposed = value("X-Request-ID, ETag, Link, Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, " +
			"X-RateLimit-Reset, Idempotency-Replayed, WWW-Authenticate")
		maxAge = value("3600")
	)
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h["Vary"] = vary
		origin := c.Request.Header["Origin"]
		if len(origin) != 1 {
			c.Next()
			return
		}
		own, ok := allowed[origin[0]]
		if !ok {
			c.Next()
			return
		}
		h["Access-Control-Allow-Origin"] = own
		h["Access-Control-Allow-Credentials"] = yes
		if c.Request.Method == http.MethodOptions && len(c.Request.Header["Access-Control-Request-Method"]) > 0 {
			h["Vary"] = varyPreflight
			h["Access-Control-Allow-Methods"] = methods
			h["Access-Control-Allow-Headers"] = headers
			h["Access-Control-Max-Age"] = maxAge
			c.Writer.WriteHeader(http.StatusNoContent)
			c.Writer.WriteHeaderNow()
			c.Abort()
			return
		}
		h["Access-Control-Expose-Headers"] = exposed
		c.Next()
	}
}
