package httpx_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
)

const (
	secureCookie = "__Host-authy2_session=" + goodToken
	plainCookie  = "authy2_session=" + goodToken
)

func TestWhoIsCalling(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, tc := range map[string]struct {
		header []string
		status int
		code   string
	}{
		"bearer":                       {[]string{"Authorization", "Bearer good-token"}, 200, ""},
		"scheme in any case":           {[]string{"Authorization", "bEARER good-token"}, 200, ""},
		"spaces around":                {[]string{"Authorization", "  Bearer   good-token "}, 200, ""},
		"cookie":                       {[]string{"Cookie", secureCookie}, 200, ""},
		"cookie among others":          {[]string{"Cookie", "a=b; " + secureCookie + "; c=d"}, 200, ""},
		"nothing":                      {nil, 401, "AUTH_REQUIRED"},
		"cookie of another name":       {[]string{"Cookie", plainCookie}, 401, "AUTH_REQUIRED"},
		"empty cookie":                 {[]string{"Cookie", "__Host-authy2_session="}, 401, "AUTH_REQUIRED"},
		"wrong cookie":                 {[]string{"Cookie", "__Host-authy2_session=nobody"}, 401, "INVALID_TOKEN"},
		"wrong bearer":                 {[]string{"Authorization", "Bearer nobody"}, 401, "INVALID_TOKEN"},
		"ended session":                {[]string{"Authorization", "Bearer expired-token"}, 401, "SESSION_INACTIVE"},
		"scheme alone":                 {[]string{"Authorization", "Bearer"}, 401, "INVALID_AUTH_FORMAT"},
		"three parts":                  {[]string{"Authorization", "Bearer good-token x"}, 401, "INVALID_AUTH_FORMAT"},
		"another scheme":               {[]string{"Authorization", "Token good-token"}, 401, "INVALID_AUTH_FORMAT"},
		"token alone":                  {[]string{"Authorization", goodToken}, 401, "INVALID_AUTH_FORMAT"},
		"two headers":                  {[]string{"Authorization", "Bearer good-token", "Authorization", "Bearer good-token"}, 401, "INVALID_AUTH_FORMAT"},
		"empty header":                 {[]string{"Authorization", ""}, 401, "INVALID_AUTH_FORMAT"},
		"wrong bearer, right cookie":   {[]string{"Authorization", "Bearer nobody", "Cookie", secureCookie}, 401, "INVALID_TOKEN"},
		"broken bearer, right cookie":  {[]string{"Authorization", "Bearer", "Cookie", secureCookie}, 401, "INVALID_AUTH_FORMAT"},
		"foreign header, right cookie": {[]string{"Authorization", "Basic eDp5", "Cookie", secureCookie}, 401, "INVALID_AUTH_FORMAT"},
		"compliance only":              {[]string{"Authorization", "Bearer compliance-token"}, 403, "MFA_COMPLIANCE_REQUIRED"},
		"store down":                   {[]string{"Authorization", "Bearer broken-store"}, 503, "SERVICE_UNAVAILABLE"},
	} {
		w := f.call("GET", "/api/v1/me", "", tc.header...)
		if w.Code != tc.status || (tc.code != "" && errorType(t, w) != tc.code) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if got := w.Header().Get("WWW-Authenticate"); (w.Code == 401) != strings.HasPrefix(got, "Bearer") {
			t.Errorf("%s: WWW-Authenticate %q", name, got)
		}
	}
	if w := f.call("POST", "/api/v1/enroll", "", "Authorization", "Bearer compliance-token"); w.Code != 200 {
		t.Errorf("a compliance session may enroll: %d", w.Code)
	}
}

func TestPrincipalOfCookie(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for header, want := range map[string]bool{"Cookie": true, "Authorization": false} {
		value := map[string]string{"Cookie": secureCookie, "Authorization": "Bearer " + goodToken}[header]
		f.call("GET", "/api/v1/me", "", header, value)
		if p := (<-f.seen).(*authn.Principal); p.ByCookie != want || p.UserID != "u1" {
			t.Errorf("%s: %+v", header, p)
		}
	}
}

// TestCSRF: a change that signs in by cookie must show that one of our pages sent it.
func TestCSRF(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, tc := range map[string]struct {
		header []string
		ok     bool
	}{
		"no header at all":            {nil, false},
		"own origin":                  {[]string{"Origin", publicURL}, true},
		"own origin in capitals":      {[]string{"Origin", "HTTPS://AUTH.example.org"}, true},
		"listed origin":               {[]string{"Origin", listedOrigin}, true},
		"foreign origin":              {[]string{"Origin", "https://evil.example"}, false},
		"own origin, other port":      {[]string{"Origin", publicURL + ":444"}, false},
		"own origin, other scheme":    {[]string{"Origin", "http://auth.example.org"}, false},
		"prefix of own origin":        {[]string{"Origin", publicURL + ".evil.example"}, false},
		"two origins":                 {[]string{"Origin", publicURL, "Origin", publicURL}, false},
		"null":                        {[]string{"Origin", "null"}, false},
		"null from own page":          {[]string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}, true},
		"null from elsewhere":         {[]string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, false},
		"browser says same-origin":    {[]string{"Sec-Fetch-Site", "same-origin"}, true},
		"browser says same-site":      {[]string{"Sec-Fetch-Site", "same-site"}, false},
		"browser says none":           {[]string{"Sec-Fetch-Site", "none"}, false},
		"referer does not count":      {[]string{"Referer", publicURL + "/"}, false},
		"custom header does not help": {[]string{"X-Requested-With", "XMLHttpRequest"}, false},
	} {
		w := f.call("POST", "/api/v1/enroll", "", append([]string{"Cookie", secureCookie}, tc.header...)...)
		if (w.Code == 200) != tc.ok || (!tc.ok && (w.Code != 403 || errorType(t, w) != "CSRF_ERROR")) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	ported := newFixture(t, func(s *httpx.Settings, _ *httpx.Deps) { s.PublicURL = publicURL + ":443" })
	for name, w := range map[string]*httptest.ResponseRecorder{
		"own origin, default port named in PUBLIC_URL": ported.call("POST", "/api/v1/enroll", "", "Cookie", secureCookie, "Origin", publicURL),
		"bearer from anywhere":                         f.call("POST", "/api/v1/enroll", "", "Authorization", "Bearer good-token", "Origin", "https://evil.example"),
		"reading by cookie":                            f.call("GET", "/api/v1/me", "", "Cookie", secureCookie),
	} {
		if w.Code != 200 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestSessionCookie(t *testing.T) {
	t.Parallel()
	secure := newFixture(t)
	plain := newFixture(t, func(s *httpx.Settings, _ *httpx.Deps) { s.PublicURL = "http://localhost:5000" })
	const (
		hostCookie = "__Host-authy2_session=good-token; Path=/; Max-Age=28800; HttpOnly; Secure; SameSite=Lax"
		httpCookie = "authy2_session=good-token; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax"
		cleared    = "__Host-authy2_session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"
	)
	for name, tc := range map[string]struct {
		f      *fixture
		path   string
		header []string
		want   string
	}{
		"no browser":                        {secure, "login", nil, hostCookie},
		"own page":                          {secure, "login", []string{"Origin", publicURL}, hostCookie},
		"listed page":                       {secure, "login", []string{"Origin", listedOrigin}, ""},
		"own page without a referrer":       {secure, "login", []string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}, hostCookie},
		"foreign page":                      {secure, "login", []string{"Origin", "https://evil.example"}, ""},
		"null page":                         {secure, "login", []string{"Origin", "null"}, ""},
		"plain http":                        {plain, "login", nil, httpCookie},
		"sign-out by cookie":                {secure, "logout", []string{"Cookie", secureCookie, "Origin", publicURL}, cleared},
		"sign-out by bearer":                {secure, "logout", []string{"Authorization", "Bearer good-token"}, ""},
		"sign-out by bearer beside cookie":  {secure, "logout", []string{"Authorization", "Bearer good-token", "Cookie", secureCookie}, cleared},
		"sign-out beside another's session": {secure, "logout", []string{"Authorization", "Bearer good-token", "Cookie", "__Host-authy2_session=other-token"}, ""},
	} {
		w := tc.f.call("POST", "/api/v1/"+tc.path, "", tc.header...)
		if got := w.Header().Get("Set-Cookie"); w.Code != 200 || got != tc.want {
			t.Errorf("%s: %d, cookie %q, want %q", name, w.Code, got, tc.want)
		}
	}
}
