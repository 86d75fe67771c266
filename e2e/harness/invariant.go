package harness

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
)

// Complaints are the ways in which an answer breaks what holds for every answer:
// security headers, and under /api the envelope or problem details (RFC 9457).
func Complaints(a *Answer) []string {
	var c complaints
	c.check(a.Status < 500 || (a.Status == http.StatusServiceUnavailable && a.Call.Unavailable), "server error")
	c.headers(a)
	path, _, _ := strings.Cut(a.Call.Path, "?")
	if !strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/api/docs") || path == "/api/openapi.json" && a.Status == http.StatusOK {
		return c
	}
	c.api(a)
	return c
}

type complaints []string

func (c *complaints) check(ok bool, format string, args ...any) {
	if !ok {
		*c = append(*c, fmt.Sprintf(format, args...))
	}
}

func (c *complaints) headers(a *Answer) {
	h := a.Header
	for name, want := range map[string]string{
		"X-Content-Type-Options":     "nosniff",
		"X-Frame-Options":            "DENY",
		"Cross-Origin-Opener-Policy": "same-origin",
	} {
		c.check(h.Get(name) == want, "%s is %q, want %q", name, h.Get(name), want)
	}
	for _, name := range []string{"Content-Security-Policy", "Referrer-Policy", "Permissions-Policy", "X-Request-Id"} {
		c.check(h.Get(name) != "", "%s is missing", name)
	}
	c.check(!strings.Contains(h.Get("Content-Security-Policy"), "unsafe-inline"), "the CSP allows unsafe-inline")
	c.check(h.Get("X-Powered-By") == "" && h.Get("Server") == "", "it names its software")
}

func (c *complaints) api(a *Answer) {
	h := a.Header
	c.check(h.Get("Content-Security-Policy") == "default-src 'none'; frame-ancestors 'none'",
		"CSP is %q", h.Get("Content-Security-Policy"))
	c.check(h.Get("Referrer-Policy") == "no-referrer", "Referrer-Policy is %q", h.Get("Referrer-Policy"))
	c.check(strings.Contains(h.Get("Cache-Control"), "no-store"), "Cache-Control is %q", h.Get("Cache-Control"))
	if a.Status == http.StatusUnauthorized {
		c.check(strings.HasPrefix(h.Get("WWW-Authenticate"), "Bearer"), "401 without WWW-Authenticate: Bearer")
	}
	if a.Status == http.StatusMethodNotAllowed {
		c.check(h.Get("Allow") != "", "405 without Allow")
	}
	if a.Status == http.StatusTooManyRequests || a.Status == http.StatusServiceUnavailable {
		c.check(h.Get("Retry-After") != "", "%d without Retry-After", a.Status)
	}
	if a.Call.Method == http.MethodHead || a.Status == http.StatusNoContent || a.Status == http.StatusNotModified {
		c.check(len(a.Body) == 0, "a body where none may be")
		return
	}
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if attachment, _, _ := mime.ParseMediaType(h.Get("Content-Disposition")); attachment == "attachment" {
		// A stream: the document says which ones there are.
		c.check(a.Status == http.StatusOK && err == nil && media != "application/json", "an attachment of %q with %d", h.Get("Content-Type"), a.Status)
		c.check(strings.Contains(strings.Join(h.Values("Vary"), ","), "Accept"), "Vary is %q", h.Values("Vary"))
		return
	}
	c.check(err == nil && a.Envelope != nil, "no JSON object, Content-Type %q", h.Get("Content-Type"))
	if err != nil || a.Envelope == nil {
		return
	}
	if media == "application/problem+json" {
		c.problem(a)
		return
	}
	c.check(media == "application/json", "Content-Type is %q", h.Get("Content-Type"))
	if path, _, _ := strings.Cut(a.Call.Path, "?"); a.Status == http.StatusOK && bare(path) {
		c.check(a.Envelope["success"] == nil && a.Envelope["challenge"] != nil, "an envelope where a bare document belongs")
		return
	}
	c.envelope(a)
}

func (c *complaints) envelope(a *Answer) {
	e := a.Envelope
	success := a.Status < 400
	c.check(e["version"] == "1.0", "version is %v", e["version"])
	c.check(e["success"] == success, "success is %v", e["success"])
	c.check(e["code"] == float64(a.Status), "code is %v", e["code"])
	c.check(a.Text("message") != "", "message is %v", e["message"])
	// A replayed answer is the first one to the byte, its request id included.
	c.check(a.Text("request_id") == a.Header.Get("X-Request-Id") || a.Header.Get("Idempotency-Replayed") == "true",
		"request_id %v is not the header's %q", e["request_id"], a.Header.Get("X-Request-Id"))
	members := map[bool][]string{
		true:  {"version", "success", "code", "message", "request_id", "data", "meta"},
		false: {"version", "success", "code", "message", "request_id", "error"},
	}[success]
	c.check(len(e) == len(members), "members are not %v", members)
	for _, name := range members {
		_, ok := e[name]
		c.check(ok, "member %s is missing", name)
	}
	object := func(path ...string) {
		_, ok := a.Value(path...).(map[string]any)
		c.check(ok, "%s is no object", strings.Join(path, "."))
	}
	if success {
		object("data")
		object("meta")
		return
	}
	object("error")
	object("error", "details")
	c.check(a.Text("error", "type") != "", "error.type is missing")
}

func (c *complaints) problem(a *Answer) {
	e := a.Envelope
	c.check(a.Status >= 400, "problem details on a success")
	c.check(e["status"] == float64(a.Status), "status is %v", e["status"])
	for _, name := range []string{"type", "title", "detail", "code"} {
		c.check(a.Text(name) != "", "%s is missing", name)
	}
	c.check(strings.Contains(a.Text("instance"), a.Header.Get("X-Request-Id")), "instance %v does not hold the request id", e["instance"])
}
