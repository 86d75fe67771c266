package httpx_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/authy2/backend/platform/httpx"
)

// sound fails unless an answer is below 500 and a whole envelope.
func sound(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code >= 500 || w.Code < 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var e struct {
		Code    int    `json:"code"`
		Version string `json:"version"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &e); err != nil || e.Code != w.Code || e.Version != "1.0" || !utf8.Valid(w.Body.Bytes()) {
		t.Fatalf("%v: %d %q", err, w.Code, w.Body)
	}
}

// FuzzBody: no body gives a 500, and what is taken is what encoding/json reads as well.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		`{"name":"chair","email":"a@b.org","password":"long-enough"}`, `{"name":"chair","name":1}`, `null`, `[]`, `"`, `{"a":{"b":[1,2,{"c":null}]}}`,
		`{"tags":["a",1,{}],"count":1e2,"loud":"yes","inner":{"value":"\u0000"}}`, "{\"name\":\"\xff\"}", `{"name":"\ud800"}`, `{"":""}`, `{"owner":null,"note":"a\nb"}`,
		strings.Repeat("[", 100), `{"count":9223372036854775808}`, `{"count":-0}`, `{"count":1E+2}`,
	} {
		f.Add(s)
	}
	api := newFixture(f)
	f.Fuzz(func(t *testing.T, body string) {
		if body == "" {
			return
		}
		w := api.call("POST", "/api/v1/things", body)
		sound(t, w)
		if w.Code != 201 {
			return
		}
		var plain struct{ Name, Email string }
		if err := json.Unmarshal([]byte(body), &plain); err != nil || !httpx.ValidEmail(plain.Email) || len(plain.Name) < 2 {
			t.Fatalf("%q was taken, though it reads as %+v, %v", body, plain, err)
		}
	})
}

// FuzzTarget: no path and no query gives a 500.
func FuzzTarget(f *testing.F) {
	for _, s := range [][2]string{
		{knownThing, "limit=1"}, {"%00", "a=%00"}, {"..", "cursor=e30"}, {"%2e%2e%2f", "a;b"}, {"\xff", "%ff=%fe"}, {"refresh", "kind=big&kind=small"}, {"", "&&&==="},
	} {
		f.Add(s[0], s[1])
	}
	api := newFixture(f)
	f.Fuzz(func(t *testing.T, id, query string) {
		for _, prefix := range []string{"/api/v1/things/", "/api/v1/things", "/"} {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.URL = &url.URL{Path: prefix + id, RawQuery: query}
			w := httptest.NewRecorder()
			api.api.Handler().ServeHTTP(w, r)
			if w.Header().Get("Content-Type") == "application/json" && !strings.Contains(r.URL.Path, "openapi.json") {
				sound(t, w)
			}
		}
	})
}

// FuzzAccess: no header gives a 500, and none but the right ones get in.
func FuzzAccess(f *testing.F) {
	for _, s := range [][3]string{
		{"Bearer good-token", "", ""}, {"bearer", "a=b", "null"}, {"Basic x:y", secureCookie, publicURL}, {"Bearer  good-token", ";;;==", "*"}, {"\x00", "\xff", "\x7f"},
	} {
		f.Add(s[0], s[1], s[2])
	}
	api := newFixture(f)
	f.Fuzz(func(t *testing.T, authorization, cookie, origin string) {
		w := api.call("POST", "/api/v1/enroll", "", "Authorization", authorization, "Cookie", cookie, "Origin", origin)
		sound(t, w)
		if w.Code == 200 && !strings.HasSuffix(strings.TrimSpace(authorization), goodToken) && !strings.HasSuffix(strings.TrimSpace(authorization), "-token") {
			t.Fatalf("%q got in", authorization)
		}
	})
}

// FuzzCursor: a cursor is taken only if it is the very one that its position makes.
func FuzzCursor(f *testing.F) {
	for _, s := range []string{"", "e30", "bnVsbA", "eyJtIjoiMjAyNi0wMS0wMlQwMzowNDowNVoiLCJpIjoieCJ9", "====", "a", strings.Repeat("A", 600)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		pos, ok, err := httpx.DecodeCursor[position](cursor)
		switch {
		case err != nil && (ok || pos != position{}):
			t.Fatalf("%q is refused and taken: %+v", cursor, pos)
		case ok:
			if again, err := httpx.EncodeCursor(pos); err != nil || again != cursor {
				t.Fatalf("%q became %q, %v", cursor, again, err)
			}
		case err == nil && cursor != "":
			t.Fatalf("%q is neither taken nor refused", cursor)
		}
	})
}

// FuzzIfMatch: a tag matches only a list that holds it.
func FuzzIfMatch(f *testing.F) {
	for _, s := range []string{`"v1"`, `W/"v1"`, `*`, `"a", "v1"`, `"`, `W/`, `,,"`, `"v1`, "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		err := httpx.IfMatch{Match: list}.Check(`"v1"`)
		if trimmed := strings.TrimSpace(list); err == nil && list != "" && trimmed != "*" && !strings.Contains(list, `"v1"`) {
			t.Fatalf("%q matched", list)
		}
	})
}

// FuzzIdempotencyKey: a key that is taken is visible ASCII.
func FuzzIdempotencyKey(f *testing.F) {
	for _, s := range []string{"a", "", " ", "é", "a\x00b", strings.Repeat("k", 256)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, given string) {
		key, err := httpx.IdempotencyKey([]string{given})
		if err != nil {
			return
		}
		if key != given || len(key) < 1 || len(key) > 255 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("%q was taken as %q", given, key)
		}
	})
}

// FuzzAccept: the choice of the form never fails.
func FuzzAccept(f *testing.F) {
	for _, s := range []string{"application/problem+json", "a;q=;;,,", "application/problem+json;q=NaN", "*/*;q=1e400", `text/csv;a="\`, "text/*;q=0.1234, */*;q=.2"} {
		f.Add(s)
	}
	api := newExporter(f, line)
	f.Fuzz(func(t *testing.T, accept string) {
		if w := api.call("GET", "/nowhere", "", "Accept", accept); w.Code != 404 || !json.Valid(w.Body.Bytes()) {
			t.Fatalf("%d %q", w.Code, w.Body)
		}
		w := api.call("GET", "/api/v1/export", "", "Accept", accept)
		if json.Valid(w.Body.Bytes()) != (w.Header().Get("Content-Type") == "application/json") || w.Code != 200 {
			t.Fatalf("%d %s %q", w.Code, w.Header().Get("Content-Type"), w.Body)
		}
	})
}
