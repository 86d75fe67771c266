package middleware

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/authy2/backend/platform/apperr"
)

// Refuse answers a request with an error. Package httpx gives it; it knows the envelope.
type Refuse func(c *gin.Context, err error)

// BodyLimit refuses bodies over limit bytes: at once when the client says how long its
// body is, and while it is read otherwise, where reading fails with an
// [*http.MaxBytesError].
func BodyLimit(limit int64, refuse Refuse) gin.HandlerFunc {
	return func(c *gin.Context) {
		switch n := c.Request.ContentLength; {
		case n == 0:
		case n > limit:
			refuse(c, apperr.ErrPayloadTooLarge)
			c.Abort()
			return
		default:
			c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, limit)
		}
		c.Next()
	}
}
