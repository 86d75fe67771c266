package e2e_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// The document is what generators and readers need, and what the binary prints.
func TestDocument(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Embedded, harness.Options{})
	a := sys.First().Do(t, harness.Call{Path: "/api/openapi.json"}).Want(t, http.StatusOK)
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		t.Errorf("Content-Type is %q", a.Header.Get("Content-Type"))
	}
	if !strings.HasPrefix(a.Text("openapi"), "3.1.") || a.Text("info", "title") == "" || a.Text("info", "version") == "" {
		t.Errorf("openapi, title or version is missing: %.300s", a.Body)
	}
	for _, banned := range []string{`"$schema"`, "http://localhost"} {
		if strings.Contains(string(a.Body), banned) {
			t.Errorf("the document holds %s", banned)
		}
	}
	document := sys.First().Document(t)
	want := map[string]bool{}
	for _, route := range []string{
		"POST /api/v1/auth/register", "POST /api/v1/auth/login", "POST /api/v1/auth/logout", "GET /api/v1/auth/me", "GET /api/v1/auth/sessions", "POST /api/v1/auth/sessions/refresh",
		"DELETE /api/v1/auth/sessions/{id}", "DELETE /api/v1/auth/sessions", "GET /api/v1/users/me", "PATCH /api/v1/users/me", "DELETE /api/v1/users/me", "POST /api/v1/users/me/password",
		"GET /api/v1/users/me/export", "GET /api/v1/users/me/organizations", "GET /api/v1/users/me/invites", "GET /api/v1/users/me/audit-logs", "GET /api/health", "GET /api/health/live", "GET /api/health/ready",
		"POST /api/v1/organizations", "GET /api/v1/organizations/{id}", "PATCH /api/v1/organizations/{id}", "DELETE /api/v1/organizations/{id}", "GET /api/v1/organizations/{id}/members",
		"POST /api/v1/organizations/{id}/members", "DELETE /api/v1/organizations/{id}/members/{userId}", "PATCH /api/v1/organizations/{id}/members/{userId}/role",
		"POST /api/v1/organizations/{id}/transfer-ownership", "GET /api/v1/organizations/{id}/roles", "GET /api/v1/organizations/{id}/session-policy", "PUT /api/v1/organizations/{id}/session-policy",
		"GET /api/v1/organizations/{id}/invites", "POST /api/v1/organizations/{id}/invites", "DELETE /api/v1/organizations/{id}/invites/{inviteId}", "POST /api/v1/organizations/{id}/invites/{inviteId}/resend",
		"POST /api/v1/auth/totp/enroll", "POST /api/v1/auth/totp/verify-enrollment", "POST /api/v1/auth/totp/verify", "GET /api/v1/auth/totp/status",
		"POST /api/v1/auth/totp/regenerate-backup-codes", "DELETE /api/v1/auth/totp/disable", "GET /api/v1/auth/devices", "DELETE /api/v1/auth/devices", "DELETE /api/v1/auth/devices/{id}",
		"GET /api/v1/invites/{token}", "POST /api/v1/invites/{token}/accept", "GET /api/v1/organizations/{id}/audit-logs",
		"POST /api/v1/auth/verify-email", "POST /api/v1/auth/resend-verification", "POST /api/v1/auth/forgot-password", "POST /api/v1/auth/reset-password",
		"GET /api/v1/organizations/{id}/security-policy", "PUT /api/v1/organizations/{id}/security-policy", "GET /api/v1/organizations/{id}/mfa-compliance",
		"PATCH /api/v1/organizations/{id}/users/{userId}/security-policy", "POST /api/v1/organizations/{id}/members/{userId}/send-mfa-reminder", "GET /api/v1/users/me/mfa-compliance",
		"POST /api/v1/users/me/email", "POST /api/v1/contact",
	} {
		want[route] = true
	}
	ids := map[string]bool{}
	for _, o := range document.Operations {
		delete(want, o.Method+" "+o.Path)
		if o.ID == "" || ids[o.ID] {
			t.Errorf("operationId %q is empty or not unique", o.ID)
		}
		ids[o.ID] = true
		if err := o.CheckExamples(); err != nil {
			t.Error(err)
		}
		// The document says what is open: nothing else may be.
		call := harness.Call{Method: o.Method, Path: regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(o.Path, "018f3c6e-7b5a-7c3d-9e2f-0123456789ab")}
		if o.Body != nil {
			call.Body = map[string]any{}
		}
		if got := sys.First().Do(t, call).Status; (got == http.StatusUnauthorized) == o.Public {
			t.Errorf("%s: public is %t, without a token it answers %d", o.ID, o.Public, got)
		}
	}
	for route := range want {
		t.Errorf("%s is not in the document", route)
	}
	out, code := sys.CLI(t, nil, "openapi")
	if code != 0 || !strings.Contains(out, `"openapi"`) {
		t.Errorf("authy2 openapi: exit code %d: %.300s", code, out)
	}
}

var asset = regexp.MustCompile(`(?:src|href)="([^"]+)"`)

// The page to read and try the API loads with its own assets under a strict CSP.
func TestDocsPage(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Embedded, harness.Options{})
	s := sys.First()
	a := s.Do(t, harness.Call{Path: "/api/docs", Header: map[string]string{"Accept": "text/html"}}).Want(t, http.StatusOK)
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		t.Fatalf("Content-Type is %q", a.Header.Get("Content-Type"))
	}
	policy := a.Header.Get("Content-Security-Policy")
	for _, part := range strings.Split(policy, ";") {
		if strings.Contains(part, "unsafe") || strings.Contains(part, "http:") || strings.Contains(part, "https:") || strings.Contains(part, "*") {
			t.Errorf("the CSP allows too much: %s", policy)
		}
	}
	if !strings.Contains(policy, "default-src 'none'") && !strings.Contains(policy, "default-src 'self'") {
		t.Errorf("CSP is %q", policy)
	}
	page := string(a.Body)
	if regexp.MustCompile(`<script(?:\s[^>]*)?>[^<\s]`).MatchString(page) || strings.Contains(page, "<style>") || regexp.MustCompile(`\s(?:style|on[a-z]+)="`).MatchString(page) {
		t.Error("the page has inline script or style, which its CSP forbids")
	}
	found := 0
	for _, m := range asset.FindAllStringSubmatch(page, -1) {
		link := m[1]
		if strings.HasPrefix(link, "http") || strings.HasPrefix(link, "//") {
			if strings.Contains(m[0], "src") {
				t.Errorf("an asset comes from elsewhere: %s", link)
			}
			continue
		}
		if strings.HasPrefix(link, "#") || strings.HasPrefix(link, "data:") {
			continue
		}
		if !strings.HasPrefix(link, "/") {
			link = "/api/" + link
		}
		got, err := s.Try(t.Context(), harness.Call{Path: link})
		if err != nil || got.Status != http.StatusOK || len(got.Body) == 0 {
			t.Errorf("%s: %v %v", link, got, err)
		}
		found++
	}
	if found == 0 {
		t.Errorf("the page loads nothing: %.500s", page)
	}
}

// Health and metrics, for orchestrators and operators.
func TestHealthAndMetrics(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Env: map[string]string{"METRICS_TOKEN": "scrape-me-please-0123456789"}}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := s.Register(t)
		s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK)
		a := s.Do(t, harness.Call{Path: "/api/health"}).Want(t, http.StatusOK)
		if a.Text("data", "status") != "healthy" || a.Text("data", "service") != "authy2-backend" || a.Text("data", "version") == "" {
			t.Errorf("health is %s", a.Body)
		}
		if checks, ok := a.Value("data", "checks").(map[string]any); !ok || len(checks) == 0 {
			t.Errorf("health shows no checks: %s", a.Body)
		}
		s.Do(t, harness.Call{Path: "/api/health/live"}).Want(t, http.StatusOK)
		s.Do(t, harness.Call{Path: "/api/health/ready"}).Want(t, http.StatusOK)

		if a := s.Do(t, harness.Call{Path: "/metrics"}); a.Status == http.StatusOK {
			t.Error("the metrics are open to everybody")
		}
		m := s.Do(t, harness.Call{Path: "/metrics", Token: "scrape-me-please-0123456789"}).Want(t, http.StatusOK)
		for _, want := range []string{"go_goroutines", "process_resident_memory_bytes", "http_request"} {
			if !strings.Contains(string(m.Body), want) {
				t.Errorf("the metrics lack %s", want)
			}
		}
		if strings.Contains(string(m.Body), u.ID) || strings.Contains(string(m.Body), u.Email) {
			t.Error("the metrics name a person")
		}
		out, code := sys.CLI(t, nil, "doctor")
		if code != 0 {
			t.Errorf("doctor: exit code %d\n%s", code, out)
		}
	})
}

// The commands that operators use answer and say what they do.
func TestCommands(t *testing.T) {
	t.Parallel()
	for _, kind := range []harness.Kind{harness.Embedded, harness.Single} {
		t.Run("on "+string(kind), func(t *testing.T) {
			t.Parallel()
			sys := harness.Prepare(t, kind, harness.Options{Env: map[string]string{"DATABASE_AUTO_MIGRATE": "false"}})
			if out, code := sys.CLI(t, nil, "serve"); code == 0 || !strings.Contains(out, "db upgrade") {
				t.Errorf("serve on an empty database: exit code %d\n%s", code, out)
			}
			for _, c := range []struct {
				args []string
				want string
			}{
				{[]string{"db", "status"}, "identity"},
				{[]string{"db", "upgrade"}, ""},
				{[]string{"db", "upgrade"}, ""},
				{[]string{"db", "status"}, "sessions"},
				{[]string{"seed", "--force"}, ""},
				{[]string{"jobs", "list"}, "cleanup_sessions"},
				{[]string{"jobs", "run", "cleanup_sessions"}, ""},
				{[]string{"jobs", "status"}, "cleanup_sessions"},
				{[]string{"modules"}, "sessions"},
				{[]string{"config", "check"}, ""},
				{[]string{"version"}, ""},
				{[]string{"--help"}, "serve"},
			} {
				out, code := sys.CLI(t, nil, c.args...)
				if code != 0 || !strings.Contains(out, c.want) {
					t.Errorf("authy2 %s: exit code %d, want %q in it:\n%s", strings.Join(c.args, " "), code, c.want, out)
				}
			}
			if out, code := sys.CLI(t, nil, "jobs", "run", "no_such_job"); code == 0 || !strings.Contains(out, "cleanup_sessions") {
				t.Errorf("an unknown job: exit code %d\n%s", code, out)
			}
			s := sys.Add(t)
			s.Do(t, harness.LoginCall("bob@acme-corp.com", "UserPass123!")).Want(t, http.StatusOK)
			if out, code := sys.CLI(t, map[string]string{"HTTP_ADDR": strings.TrimPrefix(s.URL, "http://")}, "healthcheck"); code != 0 {
				t.Errorf("healthcheck: exit code %d\n%s", code, out)
			}
		})
	}
}
