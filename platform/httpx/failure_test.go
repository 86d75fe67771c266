package httpx_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent = "00-" + traceID + "-00f067aa0ba902b7-01"
)

// lines returns the log lines with that message.
func (f *fixture) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(f.logs.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if m["msg"] == message {
			out = append(out, m)
		}
	}
	return out
}

// TestErrorLine: an error that nobody expected is one line that tells everything but
// the path and the query, and an answer that tells nothing.
func TestErrorLine(t *testing.T) {
	t.Parallel()
	for how, tc := range map[string]struct {
		message, level, cause string
		status                int
	}{
		"leak":        {"request failed", "ERROR", "pq: password of root is hunter2", 500},
		"panic":       {"panic", "ERROR", "secret in a panic", 500},
		"unavailable": {"request failed", "WARN", "connection refused", 503},
	} {
		f := newFixture(t)
		w := f.call("GET", "/api/v1/fail/"+how, "", "Traceparent", traceparent)
		lines := f.lines(t, tc.message)
		if w.Code != tc.status || len(lines) != 1 {
			t.Fatalf("%s: %d, %d lines in\n%s", how, w.Code, len(lines), f.logs)
		}
		l := lines[0]
		if l["level"] != tc.level || l["request_id"] != fixedID || l["trace_id"] != traceID || l["route"] != "/api/v1/fail/{how}" {
			t.Errorf("%s: %v", how, l)
		}
		b, _ := json.Marshal(l)
		if !strings.Contains(string(b), tc.cause) || strings.Contains(w.Body.String(), tc.cause) {
			t.Errorf("%s: the cause belongs into the log and not into the answer: %s", how, b)
		}
		if how == "panic" && !strings.Contains(l["stack"].(string), "harness_test.go") {
			t.Errorf("the stack does not lead to the panic: %v", l["stack"])
		}
	}
}

// TestAccessLine: every request is one line, which names the template of its route.
func TestAccessLine(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.call("GET", "/api/v1/things/"+knownThing+"?token=hunter2", "", "Traceparent", traceparent, "X-Forwarded-For", "203.0.113.9")
	f.call("GET", "/secret/hunter2", "")
	lines := f.lines(t, "request")
	if len(lines) != 2 || strings.Contains(f.logs.String(), "hunter2") || strings.Contains(f.logs.String(), knownThing) {
		t.Fatalf("%d lines in\n%s", len(lines), f.logs)
	}
	for key, want := range map[string]any{
		"method": "GET", "route": "/api/v1/things/{id}", "status": 400.0, "duration_us": 0.0,
		"client": "192.0.2.7", "request_id": fixedID, "trace_id": traceID,
	} {
		if lines[0][key] != want {
			t.Errorf("%s = %v, want %v", key, lines[0][key], want)
		}
	}
	if lines[0]["bytes"].(float64) < 100 || lines[1]["route"] != "unmatched" || lines[1]["status"] != 404.0 {
		t.Errorf("%v\n%v", lines[0], lines[1])
	}
}

// TestClientGone: a client that left is no error of ours.
func TestClientGone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan *httptest.ResponseRecorder)
	go func() {
		w := httptest.NewRecorder()
		f.api.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/fail/wait", nil).WithContext(ctx))
		done <- w
	}()
	cancel()
	w := <-done
	if w.Code != 499 || len(f.lines(t, "request failed")) != 0 || f.lines(t, "request")[0]["status"] != 499.0 {
		t.Errorf("%d\n%s", w.Code, f.logs)
	}
	if w := f.call("GET", "/api/v1/fail/canceled", ""); w.Code != 500 || len(f.lines(t, "request failed")) != 1 {
		t.Errorf("a cancellation of our own making: %d\n%s", w.Code, f.logs)
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for given, keep := range map[string]bool{
		"abc": true, "A.b_c-9": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a\"b": false, "a/b": false, "ä": false, "a\x01": false,
	} {
		w := f.call("GET", "/nowhere", "", "X-Request-ID", "-", "X-Request-ID", given)
		id := w.Header().Get("X-Request-Id")
		if (id == given) != keep || !strings.Contains(w.Body.String(), `"request_id":"`+id+`"`) {
			t.Errorf("%q: header %q, body %s", given, id, w.Body)
		}
		if !keep && (len(id) != 36 || id[14] != '4') {
			t.Errorf("%q was replaced by %q, which is no UUIDv4", given, id)
		}
	}
	if w := f.call("GET", "/nowhere", "", "X-Request-ID", "second"); w.Header().Get("X-Request-Id") == fixedID {
		t.Error("one of two request ids was believed")
	}
}

func TestProblemByAccept(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for accept, problem := range map[string]bool{
		"application/problem+json":                            true,
		"Application/Problem+JSON":                            true,
		"application/problem+json, application/json":          true,
		"application/json, application/problem+json":          true,
		"text/html, application/problem+json;q=0.9, */*;q=.1": true,
		"application/problem+json;q=0.5, application/json":    false,
		"application/problem+json;q=0":                        false,
		"application/problem+json;q=nonsense":                 false,
		"application/json":                                    false,
		"*/*":                                                 false,
		"application/*":                                       false,
		"text/html":                                           false,
		"":                                                    false,
	} {
		for _, target := range []string{"/nowhere", "/api/v1/fail/conflict", "/api/v1/fail/panic", "/api/v1/things?x=1"} {
			w := f.call("GET", target, "", "Accept", accept)
			if got := w.Header().Get("Content-Type") == "application/problem+json"; got != problem {
				t.Errorf("Accept %q on %s: %s", accept, target, w.Header().Get("Content-Type"))
			}
		}
	}
	if w := f.call("GET", "/api/v1/things", "", "Accept", "application/problem+json"); w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("a success is no problem: %v", w.Header())
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	f := newFixture(t, func(_ *httpx.Settings, d *httpx.Deps) { d.Metrics = reg })
	for _, target := range []string{"/api/v1/things/" + knownThing, "/api/v1/things/1", "/a", "/b"} {
		f.call("GET", target, "")
	}
	f.call("BREW", "/a", "")
	want := `
# HELP http_requests_total Requests answered, by method, route template and status.
# TYPE http_requests_total counter
http_requests_total{method="GET",route="/api/v1/things/{id}",status="200"} 1
http_requests_total{method="GET",route="/api/v1/things/{id}",status="404"} 1
http_requests_total{method="GET",route="unmatched",status="404"} 2
http_requests_total{method="other",route="unmatched",status="404"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "http_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	b := platformtest.NewFakeClock(time.Now())
	for name, change := range map[string]func(*httpx.Settings, *httpx.Deps){
		"no public URL":    func(s *httpx.Settings, _ *httpx.Deps) { s.PublicURL = "" },
		"no scheme":        func(s *httpx.Settings, _ *httpx.Deps) { s.PublicURL = "auth.example.org" },
		"no authenticator": func(_ *httpx.Settings, d *httpx.Deps) { d.Authenticator = nil },
		"no log":           func(_ *httpx.Settings, d *httpx.Deps) { d.Log = nil },
	} {
		s, d := httpx.Settings{PublicURL: publicURL}, httpx.Deps{Log: platformtest.Log(t), Clock: b, Authenticator: tokens{}}
		change(&s, &d)
		if _, err := httpx.New(s, d); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
