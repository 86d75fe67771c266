package middleware

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/gin-gonic/gin"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// Recovery turns a panic into a 500 and a log line with the stack. When the answer was
// already under way it cuts the connection, so that no client takes half an answer for
// a whole one.
func Recovery(log *slog.Logger, route func(*gin.Context) string, refuse Refuse) gin.HandlerFunc {
	return func(c *gin.Context) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler)
			}
			client := authn.ClientFrom(c.Request.Context())
			log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
				slog.String("request_id", client.RequestID),
				slog.String("trace_id", client.TraceID),
				slog.String("route", route(c)),
				slog.String("panic", fmt.Sprint(v)),
				slog.String("stack", string(debug.Stack())))
			c.Abort()
			if c.Writer.Written() {
				panic(http.ErrAbortHandler)
			}
			refuse(c, apperr.ErrInternal)
		}()
		c.Next()
	}
}
