package e2e_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

var uuidV4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func headerRules() []rule {
	return []rule{
		{"a request id comes back, or a new one", func(t *testing.T, sys *harness.System) {
			for given, keep := range map[string]bool{
				"abc": true, "A.b_c-9": true, strings.Repeat("x", 64): true,
				"": false, strings.Repeat("x", 65): false, "a b": false, "é": false, "a/b": false, "a,b": false, "a\tb": false, "<x>": false,
			} {
				a := sys.First().Do(t, harness.Call{Path: "/api/health", Header: map[string]string{"X-Request-ID": given}})
				got := a.Header.Get("X-Request-Id")
				if keep && got != given || !keep && !uuidV4.MatchString(got) {
					t.Errorf("X-Request-ID %q came back as %q", given, got)
				}
			}
			a := sys.First().Do(t, harness.Call{Path: "/api/v1/nothing", Header: map[string]string{"X-Request-ID": "on-errors-too"}})
			if a.Text("request_id") != "on-errors-too" {
				t.Errorf("the body of an error has another request id: %s", a.Body)
			}
			if !strings.Contains(sys.First().Log.String(), "on-errors-too") {
				harness.Eventually(t, 3e9, "the log line has the request id", func() bool {
					return strings.Contains(sys.First().Log.String(), "on-errors-too")
				})
			}
		}},
		{"traceparent is honoured", func(t *testing.T, sys *harness.System) {
			const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
			sys.First().Do(t, harness.Call{Path: "/api/v1/nothing", Header: map[string]string{"Traceparent": "00-" + trace + "-00f067aa0ba902b7-01"}})
			harness.Eventually(t, 3e9, "the log line has the trace id", func() bool { return strings.Contains(sys.First().Log.String(), trace) })
			for _, bad := range []string{"", "00", "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", "zz-x-y-01", strings.Repeat("a", 4000)} {
				sys.First().Do(t, harness.Call{Path: "/api/health", Header: map[string]string{"Traceparent": bad}}).Want(t, http.StatusOK)
			}
		}},
		{"errors come as problem details when asked for", func(t *testing.T, sys *harness.System) {
			problem := map[string]string{"Accept": "application/problem+json"}
			a := sys.First().Do(t, harness.Call{Path: "/api/v1/nothing", Header: problem}).Want(t, http.StatusNotFound)
			if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json") || a.Text("code") != "NOT_FOUND" {
				t.Errorf("no problem details: %s %s", a.Header.Get("Content-Type"), a.Body)
			}
			a = sys.First().Do(t, harness.Call{Path: loginPath, Body: map[string]any{"email": 1}, Header: problem}).Want(t, http.StatusBadRequest)
			if list := a.List(t, "errors"); len(list) < 2 {
				t.Errorf("errors[] tells %d complaints, want two: %s", len(list), a.Body)
			}
			for accept, want := range map[string]string{
				"": "application/json", "*/*": "application/json", "application/json": "application/json",
				"application/problem+json;q=0.5, application/json": "application/json",
				"application/problem+json, application/json;q=0.5": "application/problem+json",
				"text/html": "application/json", ";;;": "application/json", strings.Repeat("a/b,", 500): "application/json",
			} {
				a := sys.First().Do(t, harness.Call{Path: "/api/v1/nothing", Header: map[string]string{"Accept": accept}}).Want(t, http.StatusNotFound)
				if !strings.HasPrefix(a.Header.Get("Content-Type"), want) {
					t.Errorf("Accept %q answers %q, want %q", accept, a.Header.Get("Content-Type"), want)
				}
			}
			ok := sys.First().Do(t, harness.Call{Path: "/api/health", Header: problem}).Want(t, http.StatusOK)
			if !strings.HasPrefix(ok.Header.Get("Content-Type"), "application/json") {
				t.Errorf("a success is no problem: %s", ok.Header.Get("Content-Type"))
			}
		}},
		{"no HSTS over plain http", func(t *testing.T, sys *harness.System) {
			a := sys.First().Do(t, harness.Call{Path: "/api/health", Header: map[string]string{"X-Forwarded-Proto": "https", "Forwarded": "proto=https"}})
			if h := a.Header.Get("Strict-Transport-Security"); h != "" {
				t.Errorf("an untrusted peer got HSTS: %q", h)
			}
		}},
		{"a header block over 64 KiB is refused by the parser", func(t *testing.T, sys *harness.System) {
			a, err := sys.First().Try(t.Context(), harness.Call{Path: "/api/health", Header: map[string]string{"X-Big": strings.Repeat("x", 80<<10)}})
			if err != nil {
				t.Fatal(err)
			}
			if a.Status != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("status %d, want 431", a.Status)
			}
		}},
		{"CORS: listed origins", func(t *testing.T, sys *harness.System) {
			a := sys.First().Do(t, harness.Call{Path: "/api/health", Header: map[string]string{"Origin": listedOrigin}}).Want(t, http.StatusOK)
			if a.Header.Get("Access-Control-Allow-Origin") != listedOrigin || a.Header.Get("Access-Control-Allow-Credentials") != "true" {
				t.Errorf("a listed origin is not let in: %v", a.Header)
			}
			exposed := listOf(strings.ToLower(a.Header.Get("Access-Control-Expose-Headers")))
			for _, name := range []string{"x-request-id", "etag", "link", "retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} {
				if !exposed[name] {
					t.Errorf("%s is not exposed: %v", name, exposed)
				}
			}
			wantVary(t, a)
			// Errors are readable too.
			if a := sys.First().Do(t, harness.Call{Path: "/api/v1/nothing", Header: map[string]string{"Origin": listedOrigin}}); a.Header.Get("Access-Control-Allow-Origin") != listedOrigin {
				t.Errorf("an error hides itself from a listed origin: %v", a.Header)
			}
		}},
		{"CORS: other origins", func(t *testing.T, sys *harness.System) {
			for _, origin := range []string{foreignOrigin, "null", "*", listedOrigin + ".evil.example", "http://app.example.com", strings.ToUpper(listedOrigin) + "x", listedOrigin + "/", listedOrigin + ":443"} {
				a := sys.First().Do(t, harness.Call{Path: "/api/health", Header: map[string]string{"Origin": origin}}).Want(t, http.StatusOK)
				for name := range a.Header {
					if strings.HasPrefix(name, "Access-Control-Allow") {
						t.Errorf("origin %q gets %s: %s", origin, name, a.Header.Get(name))
					}
				}
				wantVary(t, a)
			}
			wantVary(t, sys.First().Do(t, harness.Call{Path: "/api/health"}))
		}},
		{"CORS: preflights", func(t *testing.T, sys *harness.System) {
			preflight := func(origin, path string) *harness.Answer {
				return sys.First().Do(t, harness.Call{Method: http.MethodOptions, Path: path, Header: map[string]string{
					"Origin": origin, "Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization,content-type,if-match,idempotency-key",
				}})
			}
			a := preflight(listedOrigin, "/api/v1/users/me").Want(t, http.StatusNoContent)
			if a.Header.Get("Access-Control-Allow-Origin") != listedOrigin || a.Header.Get("Access-Control-Allow-Credentials") != "true" || a.Header.Get("Access-Control-Max-Age") == "" {
				t.Errorf("preflight: %v", a.Header)
			}
			methods := listOf(a.Header.Get("Access-Control-Allow-Methods"))
			for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
				if !methods[m] {
					t.Errorf("preflight lacks %s: %v", m, methods)
				}
			}
			headers := listOf(strings.ToLower(a.Header.Get("Access-Control-Allow-Headers")))
			for _, h := range []string{"content-type", "authorization", "x-request-id", "if-match", "idempotency-key"} {
				if !headers[h] {
					t.Errorf("preflight lacks %s: %v", h, headers)
				}
			}
			a = preflight(foreignOrigin, "/api/v1/users/me")
			if a.Status >= 400 && a.Status != http.StatusForbidden && a.Status != http.StatusMethodNotAllowed || a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("a foreign preflight: %d %v", a.Status, a.Header)
			}
		}},
	}
}

func wantVary(t *testing.T, a *harness.Answer) {
	t.Helper()
	if !listOf(strings.Join(a.Header.Values("Vary"), ","))["Origin"] {
		t.Errorf("%s: Vary is %q, want Origin in it", a.Call.Path, a.Header.Values("Vary"))
	}
}
