package httpx_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
)

type who struct {
	Name string `json:"name" doc:"Who is calling"`
}

// newOpenHouse is an API whose operations know a caller who is signed in.
func newOpenHouse(t *testing.T, change ...func(*httpx.Settings, *httpx.Deps)) *fixture {
	t.Helper()
	f := newFixture(t, change...)
	op := func(id, method, path string, compliance bool) httpx.Endpoint {
		return httpx.Op(httpx.Operation{
			ID: id, Method: method, Path: path, Access: httpx.MaybeSignedIn, ComplianceOnly: compliance,
			Summary: "Say who calls", Tag: "Me", ResultExample: who{Name: "u1"},
		}, func(ctx context.Context, _ *struct{}) (*httpx.Reply[who], error) {
			p, ok := authn.PrincipalFrom(ctx)
			if !ok {
				return httpx.OK(who{Name: "nobody"}), nil
			}
			name := p.UserID + " by bearer"
			if p.ByCookie {
				name = p.UserID + " by cookie"
			}
			return &httpx.Reply[who]{Data: who{Name: name}, SignOut: true}, nil
		})
	}
	if err := f.api.Mount([]httpx.Endpoint{
		op("who", http.MethodGet, "/api/v1/who", false), op("become", http.MethodPost, "/api/v1/who", false),
		op("who-enrolls", http.MethodGet, "/api/v1/who/enrolls", true),
	}, nil); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestMaybeSignedIn: who says nothing, or sends the cookie of a session that is over, is
// nobody, and so is a cookie that another site may have sent; who sends an Authorization
// header must be right.
func TestMaybeSignedIn(t *testing.T) {
	t.Parallel()
	const cookie = "__Host-authy2_session="
	f := newOpenHouse(t)
	for name, tc := range map[string]struct {
		call   string
		header []string
		status int
		want   string
	}{
		"nothing":                       {"GET /api/v1/who", nil, 200, "nobody"},
		"bearer":                        {"GET /api/v1/who", []string{"Authorization", "Bearer good-token"}, 200, "u1 by bearer"},
		"wrong bearer":                  {"GET /api/v1/who", []string{"Authorization", "Bearer nobody"}, 401, "INVALID_TOKEN"},
		"ended bearer":                  {"GET /api/v1/who", []string{"Authorization", "Bearer expired-token"}, 401, "SESSION_INACTIVE"},
		"broken header":                 {"GET /api/v1/who", []string{"Authorization", "Basic eDp5"}, 401, "INVALID_AUTH_FORMAT"},
		"empty header":                  {"GET /api/v1/who", []string{"Authorization", ""}, 401, "INVALID_AUTH_FORMAT"},
		"wrong bearer, right cookie":    {"GET /api/v1/who", []string{"Authorization", "Bearer nobody", "Cookie", secureCookie}, 401, "INVALID_TOKEN"},
		"store down, bearer":            {"GET /api/v1/who", []string{"Authorization", "Bearer broken-store"}, 503, "SERVICE_UNAVAILABLE"},
		"store down, cookie":            {"GET /api/v1/who", []string{"Cookie", cookie + "broken-store"}, 503, "SERVICE_UNAVAILABLE"},
		"cookie":                        {"GET /api/v1/who", []string{"Cookie", secureCookie}, 200, "u1 by cookie"},
		"cookie of another name":        {"GET /api/v1/who", []string{"Cookie", plainCookie}, 200, "nobody"},
		"empty cookie":                  {"GET /api/v1/who", []string{"Cookie", cookie}, 200, "nobody"},
		"wrong cookie":                  {"GET /api/v1/who", []string{"Cookie", cookie + "nobody"}, 200, "nobody"},
		"ended cookie":                  {"GET /api/v1/who", []string{"Cookie", cookie + "expired-token"}, 200, "nobody"},
		"compliance bearer":             {"GET /api/v1/who", []string{"Authorization", "Bearer " + limitedToken}, 200, "nobody"},
		"compliance cookie":             {"GET /api/v1/who", []string{"Cookie", cookie + limitedToken}, 200, "nobody"},
		"compliance bearer, let in":     {"GET /api/v1/who/enrolls", []string{"Authorization", "Bearer " + limitedToken}, 200, "u2 by bearer"},
		"compliance cookie, let in":     {"GET /api/v1/who/enrolls", []string{"Cookie", cookie + limitedToken}, 200, "u2 by cookie"},
		"change by nobody":              {"POST /api/v1/who", nil, 200, "nobody"},
		"change by nobody from abroad":  {"POST /api/v1/who", []string{"Origin", "https://evil.example"}, 200, "nobody"},
		"change by bearer from abroad":  {"POST /api/v1/who", []string{"Authorization", "Bearer good-token", "Origin", "https://evil.example"}, 200, "u1 by bearer"},
		"change by cookie":              {"POST /api/v1/who", []string{"Cookie", secureCookie, "Origin", publicURL}, 200, "u1 by cookie"},
		"change by cookie, fetch":       {"POST /api/v1/who", []string{"Cookie", secureCookie, "Sec-Fetch-Site", "same-origin"}, 200, "u1 by cookie"},
		"change by cookie from nowhere": {"POST /api/v1/who", []string{"Cookie", secureCookie}, 200, "nobody"},
		"change by cookie from abroad":  {"POST /api/v1/who", []string{"Cookie", secureCookie, "Origin", "https://evil.example"}, 200, "nobody"},
		"change by ended cookie":        {"POST /api/v1/who", []string{"Cookie", cookie + "expired-token", "Origin", publicURL}, 200, "nobody"},
		"change by ended, from abroad":  {"POST /api/v1/who", []string{"Cookie", cookie + "expired-token", "Origin", "https://evil.example"}, 200, "nobody"},
	} {
		method, path, _ := strings.Cut(tc.call, " ")
		w := f.call(method, path, "", tc.header...)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), `"`+tc.want+`"`) {
			t.Errorf("%s: %d %s, want %d %s", name, w.Code, w.Body, tc.status, tc.want)
		}
		if cleared := w.Header().Get("Set-Cookie") != ""; cleared != strings.HasSuffix(tc.want, "by cookie") {
			t.Errorf("%s: Set-Cookie %q", name, w.Header().Get("Set-Cookie"))
		}
		if w.Code == 401 && !strings.HasPrefix(w.Header().Get("Www-Authenticate"), "Bearer") {
			t.Errorf("%s: no challenge", name)
		}
	}
}

// TestMaybeSignedInWithoutSessions: everybody is nobody, whatever they send.
func TestMaybeSignedInWithoutSessions(t *testing.T) {
	t.Parallel()
	f := newOpenHouse(t, func(_ *httpx.Settings, d *httpx.Deps) { d.Authenticator = authn.NoAuthenticator{} })
	for _, header := range [][]string{nil, {"Authorization", "Bearer x"}, {"Cookie", secureCookie}} {
		if w := f.call("POST", "/api/v1/who", "", header...); w.Code != 200 || !strings.Contains(w.Body.String(), `"nobody"`) {
			t.Errorf("%v: %d %s", header, w.Code, w.Body)
		}
	}
}

// TestMaybeSignedInDocument: the document says that a session is known, and not needed.
func TestMaybeSignedInDocument(t *testing.T) {
	t.Parallel()
	raw, err := newOpenHouse(t).api.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Security  []map[string][]string      `json:"security"`
			Responses map[string]json.RawMessage `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	read, change := doc.Paths["/api/v1/who"]["get"], doc.Paths["/api/v1/who"]["post"]
	if s := read.Security; len(s) != 3 || len(s[0]) != 0 || s[1]["bearer"] == nil || s[2]["cookie"] == nil {
		t.Errorf("security %v", s)
	}
	if read.Responses["401"] == nil || read.Responses["403"] != nil || change.Responses["403"] == nil {
		t.Errorf("answers: %v, %v", read.Responses, change.Responses)
	}
}
