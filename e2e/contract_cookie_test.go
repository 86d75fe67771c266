package e2e_test

import (
	"net/http"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// cookieOf returns the session cookie that an answer sets, or nil.
func cookieOf(a *harness.Answer) *http.Cookie {
	for _, c := range (&http.Response{Header: a.Header}).Cookies() {
		if c.Name == "authy2_session" || c.Name == "__Host-authy2_session" {
			return c
		}
	}
	return nil
}

func cookieRules() []rule {
	type headers = map[string]string
	patch := func(cookie string, h headers) harness.Call {
		all := headers{"Cookie": cookie}
		for k, v := range h {
			all[k] = v
		}
		return harness.Call{Method: http.MethodPatch, Path: "/api/v1/users/me", Body: map[string]any{"full_name": "By Cookie"}, Header: all}
	}
	return []rule{
		{"signing in sets the cookie, signing out removes it", func(t *testing.T, sys *harness.System) {
			u := sys.NewUser()
			for _, c := range []harness.Call{{Path: registerPath, Body: u.Registration()}, harness.LoginCall(u.Email, u.Password)} {
				a := sys.First().Do(t, c)
				cookie := cookieOf(a)
				if cookie == nil {
					t.Fatalf("%s sets no cookie: %v", c.Path, a.Header)
				}
				if cookie.Name != "authy2_session" || cookie.Value != a.Text("data", "token") || !cookie.HttpOnly ||
					cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" || cookie.Secure {
					t.Errorf("%s: cookie is %s", c.Path, cookie)
				}
			}
			a := sys.First().Do(t, harness.LoginCall(u.Email, u.Password))
			out := sys.First().Do(t, harness.Call{Method: http.MethodPost, Path: "/api/v1/auth/logout", Header: headers{"Cookie": "authy2_session=" + a.Text("data", "token"), "Sec-Fetch-Site": "same-origin"}}).Want(t, http.StatusOK)
			if cookie := cookieOf(out); cookie == nil || cookie.MaxAge >= 0 {
				t.Errorf("logout leaves the cookie: %v", out.Header)
			}
		}},
		{"reading by cookie needs nothing more", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			for _, s := range sys.Servers {
				s.Do(t, harness.Call{Path: "/api/v1/auth/me", Header: headers{"Cookie": "other=1; authy2_session=" + u.Token + "; more=2"}}).Want(t, http.StatusOK)
			}
			for _, cookie := range []string{"authy2_session=", "authy2_session=x", "authy2_session=" + u.Token + "x", "=" + u.Token, ";;;", "__Host-authy2_session=" + u.Token} {
				sys.First().Do(t, harness.Call{Path: "/api/v1/auth/me", Header: headers{"Cookie": cookie}}).Want(t, http.StatusUnauthorized)
			}
		}},
		{"changing by cookie needs our own or a listed origin", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			cookie := "authy2_session=" + u.Token
			for _, allowed := range []headers{
				{"Origin": sys.First().URL},
				{"Origin": listedOrigin},
				{"Sec-Fetch-Site": "same-origin"},
				{"Origin": listedOrigin, "Sec-Fetch-Site": "cross-site"},
			} {
				sys.First().Do(t, patch(cookie, allowed)).Want(t, http.StatusOK)
			}
			for _, refused := range []headers{
				nil,
				{"Origin": foreignOrigin},
				{"Origin": "null"},
				{"Origin": ""},
				{"Sec-Fetch-Site": "cross-site"},
				{"Sec-Fetch-Site": "same-site"},
				{"Sec-Fetch-Site": "none"},
				{"Referer": sys.First().URL + "/"},
				{"Origin": foreignOrigin, "Sec-Fetch-Site": "cross-site"},
				{"Origin": sys.First().URL + ".evil.example"},
				{"Origin": foreignOrigin, "X-Forwarded-Host": "evil.example.com"},
				{"X-HTTP-Method-Override": "GET"},
			} {
				a := sys.First().Do(t, patch(cookie, refused))
				if a.Status != http.StatusForbidden || a.Text("error", "type") != "CSRF_ERROR" {
					t.Errorf("%v: %d %s, want 403 CSRF_ERROR", refused, a.Status, a.Body)
				}
			}
			// A bearer token is no cookie: no browser sends it by itself.
			sys.First().Do(t, harness.Call{Method: http.MethodPatch, Path: "/api/v1/users/me", Token: u.Token, Body: map[string]any{"full_name": "x"}, Header: headers{"Origin": foreignOrigin}}).Want(t, http.StatusOK)
		}},
		{"any Authorization header switches the cookie off", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			for authorization, kind := range map[string]string{"Bearer wrong": "INVALID_TOKEN", "garbage": "INVALID_AUTH_FORMAT", "Basic YTpi": "INVALID_AUTH_FORMAT", "Bearer": "INVALID_AUTH_FORMAT", " ": "INVALID_AUTH_FORMAT"} {
				sys.First().Do(t, harness.Call{Path: "/api/v1/auth/me", Header: headers{"Authorization": authorization, "Cookie": "authy2_session=" + u.Token}}).WantError(t, http.StatusUnauthorized, kind)
			}
		}},
		{"a cross-origin answer never sets the cookie", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			for _, origin := range []string{foreignOrigin, listedOrigin, "null"} {
				call := harness.LoginCall(u.Email, u.Password)
				call.Header = headers{"Origin": origin, "Sec-Fetch-Site": "cross-site"}
				a := sys.First().Do(t, call)
				if cookie := cookieOf(a); cookie != nil {
					t.Errorf("origin %s gets the cookie %s", origin, cookie.Name)
				}
			}
			call := harness.LoginCall(u.Email, u.Password)
			call.Header = headers{"Origin": sys.First().URL}
			if cookieOf(sys.First().Do(t, call).Want(t, http.StatusOK)) == nil {
				t.Error("our own origin gets no cookie")
			}
		}},
	}
}

// With an https PUBLIC_URL the cookie is bound to the host and to TLS, and behind a
// trusted proxy that terminates TLS there is HSTS.
func TestCookieBehindTLS(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Embedded, harness.Options{Env: map[string]string{"PUBLIC_URL": "https://auth.example.com", "TRUSTED_PROXIES": "127.0.0.0/8"}})
	u := sys.NewUser()
	tls := map[string]string{"X-Forwarded-Proto": "https"}
	a := sys.First().Do(t, harness.Call{Path: registerPath, Body: u.Registration(), Header: tls}).Want(t, http.StatusCreated)
	cookie := cookieOf(a)
	if cookie == nil || cookie.Name != "__Host-authy2_session" || !cookie.Secure || !cookie.HttpOnly || cookie.Path != "/" || cookie.Domain != "" {
		t.Errorf("cookie is %v", cookie)
	}
	if a.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS behind a trusted proxy with TLS")
	}
	token := a.Text("data", "token")
	sys.First().Do(t, harness.Call{Path: "/api/v1/auth/me", Header: map[string]string{"Cookie": "__Host-authy2_session=" + token}}).Want(t, http.StatusOK)
	sys.First().Do(t, harness.Call{Path: "/api/v1/auth/me", Header: map[string]string{"Cookie": "authy2_session=" + token}}).Want(t, http.StatusUnauthorized)
	for origin, want := range map[string]int{"https://auth.example.com": http.StatusOK, "http://auth.example.com": http.StatusForbidden, sys.First().URL: http.StatusForbidden} {
		sys.First().Do(t, harness.Call{Method: http.MethodPatch, Path: "/api/v1/users/me", Body: map[string]any{"full_name": "x"}, Header: map[string]string{
			"Cookie": "__Host-authy2_session=" + token, "Origin": origin,
		}}).Want(t, want)
	}
}
