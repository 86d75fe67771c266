package httpx_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/httpx"
)

// discard is a ResponseWriter that keeps nothing, so that a benchmark measures the
// handler alone.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

func serveAll(b *testing.B, h http.Handler) {
	r := httptest.NewRequest(http.MethodGet, "/api/v1/me", nil)
	r.Header.Set("Authorization", "Bearer "+goodToken)
	r.Header.Set("User-Agent", "bench")
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(&discard{h: http.Header{}}, r)
	}
}

// BenchmarkAuthenticatedGet is an authenticated read with everything on: access log,
// counters, headers, CORS, recovery.
func BenchmarkAuthenticatedGet(b *testing.B) {
	f := newFixture(b, func(_ *httpx.Settings, d *httpx.Deps) {
		d.Log = slog.New(slog.NewJSONHandler(io.Discard, nil))
		d.Clock = clock.System{}
		d.Metrics = prometheus.NewRegistry()
	})
	serveAll(b, f.api.Handler())
}

// BenchmarkBareGin is the limit: the same answer from gin and nothing around it.
func BenchmarkBareGin(b *testing.B) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	body := []byte(`{"version":"1.0","success":true,"code":200,"message":"Read me.","request_id":"test-request-1","data":{"user":{"id":"u1"}},"meta":{}}`)
	e.GET("/api/v1/me", func(c *gin.Context) { c.Data(http.StatusOK, "application/json", body) })
	serveAll(b, e)
}
