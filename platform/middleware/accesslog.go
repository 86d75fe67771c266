package middleware

import (
	"log/slog"

	"github.com/gin-gonic/gin"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
)

// AccessLog writes one line for each request and counts it, also when the connection is
// cut in the middle of the answer, which the line says. It names the route's template,
// never the path or the query, which may hold secrets. metrics may be nil.
func AccessLog(log *slog.Logger, clk clock.Clock, metrics *Metrics, route func(*gin.Context) string) gin.HandlerFunc {
	return func(c *gin.Context) {
		start, cut := clk.Now(), true
		defer func() {
			elapsed := clk.Now().Sub(start)
			ctx, template, status := c.Request.Context(), route(c), c.Writer.Status()
			if metrics != nil {
				metrics.observe(c.Request.Method, template, status, elapsed)
			}
			if !log.Enabled(ctx, slog.LevelInfo) {
				return
			}
			client := authn.ClientFrom(ctx)
			line := [...]slog.Attr{
				slog.String("method", c.Request.Method),
				slog.String("route", template),
				slog.Int("status", status),
				slog.Int("bytes", max(c.Writer.Size(), 0)),
				slog.Int64("duration_us", elapsed.Microseconds()), // slog takes a long way round for fractions
				slog.String("client", client.Address.String()),
				slog.String("request_id", client.RequestID),
				slog.String("trace_id", client.TraceID),
				slog.Bool("cut", true),
			}
			attrs := line[:]
			if !cut {
				attrs = attrs[:len(attrs)-1]
			}
			log.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
		}()
		c.Next()
		cut = false
	}
}
