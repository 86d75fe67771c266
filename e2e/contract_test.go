package e2e_test

import (
	"net/http"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// rule is one rule that holds everywhere under /api.
type rule struct {
	name string
	try  func(t *testing.T, sys *harness.System)
}

const listedOrigin, foreignOrigin = "https://app.example.com", "https://evil.example.com"

// Every rule of the REST contract, black-box, on one shared deployment of each kind.
func TestContract(t *testing.T) {
	t.Parallel()
	options := harness.Options{Env: map[string]string{"CORS_ORIGINS": listedOrigin + ",https://other.example.com"}}
	var rules []rule
	for _, group := range [][]rule{routeRules(), bodyRules(), headerRules(), cookieRules(), listRules(), etagRules(), idempotencyRules()} {
		rules = append(rules, group...)
	}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		for _, r := range rules {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				r.try(t, sys)
			})
		}
	})
}

func routeRules() []rule {
	return []rule{
		{"unknown paths are 404", func(t *testing.T, sys *harness.System) {
			for _, path := range []string{
				"/api/v1/nothing", "/api", "/api/", "/api/v1/auth", "/api/v1/auth/me/", "/api/v1/AUTH/me", "/api/v1//auth/me", "/api/v1/auth/me/x",
				"/api/health/", "/api/v1/auth/%6De/x", "/api/v1/auth/me%2F", "/api/v1/../v1/nothing",
			} {
				sys.First().Do(t, harness.Call{Path: path}).WantError(t, http.StatusNotFound, "NOT_FOUND")
			}
			sys.First().Do(t, harness.Call{Path: "/nothing"}).Want(t, http.StatusNotFound)
		}},
		{"other methods are 405 with Allow", func(t *testing.T, sys *harness.System) {
			for path, c := range map[string]struct{ method, allow string }{
				"/api/v1/auth/login":    {http.MethodPut, http.MethodPost},
				"/api/v1/auth/me":       {http.MethodDelete, http.MethodGet},
				"/api/health":           {http.MethodPost, http.MethodGet},
				"/api/v1/users/me":      {http.MethodPost, http.MethodPatch},
				"/api/v1/auth/sessions": {http.MethodPut, http.MethodDelete},
			} {
				a := sys.First().Do(t, harness.Call{Method: c.method, Path: path}).WantError(t, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
				if allowed := listOf(a.Header.Get("Allow")); !allowed[c.allow] || allowed[c.method] {
					t.Errorf("%s %s: Allow is %q", c.method, path, a.Header.Get("Allow"))
				}
			}
			sys.First().Do(t, harness.Call{Method: "BREW", Path: "/api/v1/auth/me"}).WantError(t, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
			sys.First().Do(t, harness.Call{Method: http.MethodTrace, Path: "/api/v1/auth/me"}).WantError(t, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED")
		}},
		{"HEAD wherever GET is", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			for _, path := range []string{"/api/health", "/api/v1/auth/me", "/api/v1/auth/sessions", "/api/v1/users/me"} {
				get := sys.First().Do(t, harness.Call{Path: path, Token: u.Token}).Want(t, http.StatusOK)
				head := sys.First().Do(t, harness.Call{Method: http.MethodHead, Path: path, Token: u.Token}).Want(t, http.StatusOK)
				if head.Header.Get("Content-Type") != get.Header.Get("Content-Type") || head.Header.Get("Etag") != get.Header.Get("Etag") {
					t.Errorf("HEAD %s answers other headers than GET: %v, %v", path, head.Header, get.Header)
				}
				sys.First().Do(t, harness.Call{Method: http.MethodHead, Path: path + "x", Token: u.Token}).Want(t, http.StatusNotFound)
			}
		}},
		{"ids in the path are found or 404", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			for _, id := range []string{
				"abc", "0", "-1", "%00", "%F0%28%8C%BC", "%C0%80", "018f3c6e-7b5a-7c3d-9e2f-0123456789ab", "018F3C6E-7B5A-7C3D-9E2F-0123456789AB",
				"%7B018f3c6e-7b5a-7c3d-9e2f-0123456789ab%7D", "018f3c6e7b5a7c3d9e2f0123456789ab", "urn:uuid:018f3c6e-7b5a-7c3d-9e2f-0123456789ab",
				"%27%20OR%201=1", "%2e%2e%2f", "a%2Fb", "%20", "%0a", "😀",
			} {
				sys.First().Do(t, harness.Call{Method: http.MethodDelete, Path: "/api/v1/auth/sessions/" + id, Token: u.Token}).WantError(t, http.StatusNotFound, "NOT_FOUND")
			}
			sys.First().Do(t, harness.Me(u.Token)).Want(t, http.StatusOK)
		}},
		{"who is not signed in gets 401 with the right type", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			for authorization, kind := range map[string]string{
				"": "AUTH_REQUIRED", "Bearer": "INVALID_AUTH_FORMAT", "Bearer a b": "INVALID_AUTH_FORMAT", "Basic YTpi": "INVALID_AUTH_FORMAT",
				u.Token: "INVALID_AUTH_FORMAT", "Bearer " + "x": "INVALID_TOKEN", "Bearer " + u.Token[1:] + "A": "INVALID_TOKEN",
			} {
				call := harness.Call{Path: "/api/v1/auth/me"}
				if authorization != "" {
					call.Header = map[string]string{"Authorization": authorization}
				}
				sys.First().Do(t, call).WantError(t, http.StatusUnauthorized, kind)
			}
			for _, scheme := range []string{"bearer", "BEARER"} {
				sys.First().Do(t, harness.Call{Path: "/api/v1/auth/me", Header: map[string]string{"Authorization": scheme + " " + u.Token}}).Want(t, http.StatusOK)
			}
		}},
		{"actions answer with empty data", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			token := sys.First().Login(t, u)
			id := sys.First().CurrentSession(t, token)
			for _, c := range []harness.Call{
				{Method: http.MethodDelete, Path: "/api/v1/auth/sessions/" + id, Token: u.Token},
				{Method: http.MethodPost, Path: "/api/v1/auth/logout", Token: u.Token},
			} {
				a := sys.First().Do(t, c).Want(t, http.StatusOK)
				if data, ok := a.Value("data").(map[string]any); !ok || len(data) != 0 {
					t.Errorf("%s: data is %v, want {}", c.Path, a.Value("data"))
				}
			}
		}},
		{"a Location can be read", func(t *testing.T, sys *harness.System) {
			u := sys.NewUser()
			a := sys.First().Do(t, harness.Call{Path: "/api/v1/auth/register", Body: u.Registration()}).Want(t, http.StatusCreated)
			if location := a.Header.Get("Location"); location != "" {
				sys.First().Do(t, harness.Call{Path: location, Token: a.Text("data", "token")}).Want(t, http.StatusOK)
			}
		}},
	}
}
