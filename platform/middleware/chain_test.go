package middleware_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/middleware"
)

const listed = "https://app.example.org"

// chain is every middleware in front of one handler.
func chain(log io.Writer, handler gin.HandlerFunc) http.Handler {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	logger := slog.New(slog.NewJSONHandler(log, nil))
	clk := clock.Func(func() time.Time { return time.Unix(0, 0) })
	route := func(*gin.Context) string { return "/the/{route}" }
	refuse := func(c *gin.Context, err error) {
		c.String(map[apperr.Kind]int{apperr.TooLarge: 413, apperr.Internal: 500}[apperr.From(err).Kind()], "refused")
	}
	e.Use(
		middleware.Arrival(trusted, func() string { return "minted" }),
		middleware.AccessLog(logger, clk, nil, route),
		middleware.SecurityHeaders(trusted),
		middleware.CORS([]string{listed}),
		middleware.Recovery(logger, route, refuse),
		middleware.BodyLimit(10, refuse),
	)
	e.Any("/", handler)
	return e
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestArrival(t *testing.T) {
	t.Parallel()
	var got authn.Client
	h := chain(io.Discard, func(c *gin.Context) { got = authn.ClientFrom(c.Request.Context()) })
	w := do(h, request("10.0.0.1:9", "X-Forwarded-For", "203.0.113.5", "User-Agent", "a\x7fb", "Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
	if got.Address.String() != "203.0.113.5" || got.UserAgent != "ab" || got.RequestID != "minted" || got.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("%+v", got)
	}
	if w.Header().Get("X-Request-Id") != "minted" {
		t.Errorf("%v", w.Header())
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	h := chain(io.Discard, func(c *gin.Context) { c.Header("Cache-Control", "public"); c.Status(204) })
	w := do(h, request("10.0.0.1:9", "X-Forwarded-Proto", "https"))
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Opener-Policy": "same-origin",
		"Strict-Transport-Security": "max-age=31536000; includeSubDomains", "Cache-Control": "public",
	} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if !strings.Contains(w.Header().Get("Permissions-Policy"), "camera=()") {
		t.Errorf("Permissions-Policy = %q", w.Header().Get("Permissions-Policy"))
	}
	plain := do(h, request("10.0.0.1:9"))
	if plain.Header().Get("Strict-Transport-Security") != "" {
		t.Error("HSTS on a plain connection")
	}
	again := do(chain(io.Discard, func(c *gin.Context) { c.Writer.Header().Add("Vary", "Accept") }), request("10.0.0.1:9"))
	if got := again.Header()["Vary"]; len(got) != 2 {
		t.Errorf("Vary = %q", got)
	}
	if got := do(h, request("10.0.0.1:9")).Header()["Vary"]; len(got) != 1 {
		t.Errorf("an answer changed the headers of others: Vary = %q", got)
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	h := chain(io.Discard, func(c *gin.Context) { c.Status(200) })
	for name, tc := range map[string]struct {
		method string
		header []string
		status int
		allow  string
	}{
		"listed":                    {"GET", []string{"Origin", listed}, 200, listed},
		"foreign":                   {"GET", []string{"Origin", "https://evil.example"}, 200, ""},
		"prefix":                    {"GET", []string{"Origin", listed + ".evil.example"}, 200, ""},
		"other case":                {"GET", []string{"Origin", strings.ToUpper(listed)}, 200, ""},
		"with a slash":              {"GET", []string{"Origin", listed + "/"}, 200, ""},
		"null":                      {"GET", []string{"Origin", "null"}, 200, ""},
		"two":                       {"GET", []string{"Origin", listed, "Origin", listed}, 200, ""},
		"none":                      {"GET", nil, 200, ""},
		"preflight":                 {"OPTIONS", []string{"Origin", listed, "Access-Control-Request-Method", "PATCH"}, 204, listed},
		"foreign preflight":         {"OPTIONS", []string{"Origin", "https://evil.example", "Access-Control-Request-Method", "PATCH"}, 200, ""},
		"OPTIONS that is no flight": {"OPTIONS", []string{"Origin", listed}, 200, listed},
	} {
		r := request("192.0.2.1:9", tc.header...)
		r.Method = tc.method
		w := do(h, r)
		got := w.Header()
		if w.Code != tc.status || got.Get("Access-Control-Allow-Origin") != tc.allow || !strings.HasPrefix(got.Get("Vary"), "Origin") {
			t.Errorf("%s: %d %v", name, w.Code, got)
		}
		if (got.Get("Access-Control-Allow-Credentials") == "true") != (tc.allow != "") {
			t.Errorf("%s: credentials %q", name, got.Get("Access-Control-Allow-Credentials"))
		}
		for _, want := range []string{"Authorization", "Idempotency-Key", "If-Match", "traceparent", "X-WebAuthn-Session-Token"} {
			if tc.status == 204 && !strings.Contains(got.Get("Access-Control-Allow-Headers"), want) {
				t.Errorf("%s: %s is not allowed", name, want)
			}
		}
		for _, want := range []string{"X-Request-ID", "ETag", "Link", "Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
			if tc.status == 200 && tc.allow != "" && !strings.Contains(got.Get("Access-Control-Expose-Headers"), want) {
				t.Errorf("%s: %s is not exposed", name, want)
			}
		}
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	h := chain(io.Discard, func(c *gin.Context) {
		b, err := io.ReadAll(c.Request.Body)
		if err != nil {
			c.String(418, err.Error())
			return
		}
		c.String(200, string(b))
	})
	for name, tc := range map[string]struct {
		body    string
		unknown bool
		status  int
	}{
		"fits":             {"0123456789", false, 200},
		"too large":        {"0123456789a", false, 413},
		"unknown, fits":    {"0123456789", true, 200},
		"unknown, too big": {"0123456789a", true, 418},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tc.body))
		if tc.unknown {
			r.ContentLength = -1
		}
		if w := do(h, r); w.Code != tc.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestRecovery: a panic before the answer is a 500; one in the middle of it cuts the
// connection.
func TestRecovery(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	if w := do(chain(&log, func(*gin.Context) { panic("boom") }), request("192.0.2.1:9")); w.Code != 500 || w.Body.String() != "refused" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), `"panic":"boom"`) || !strings.Contains(log.String(), `"status":500`) || strings.Count(log.String(), "\n") != 2 {
		t.Errorf("log:\n%s", log.String())
	}
	for name, handler := range map[string]gin.HandlerFunc{
		"in the middle": func(c *gin.Context) { c.String(200, "half an ans"); panic("boom") },
		"on purpose":    func(*gin.Context) { panic(http.ErrAbortHandler) },
	} {
		var line bytes.Buffer
		func() {
			defer func() {
				if v := recover(); v != http.ErrAbortHandler { //nolint:errorlint // net/http compares it bare
					t.Errorf("%s: recovered %v", name, v)
				}
			}()
			do(chain(&line, handler), request("192.0.2.1:9"))
		}()
		if !strings.Contains(line.String(), `"msg":"request"`) || !strings.Contains(line.String(), `"cut":true`) {
			t.Errorf("%s: log:\n%s", name, line.String())
		}
	}
}
