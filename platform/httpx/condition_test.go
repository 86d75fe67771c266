package httpx_test

import (
	"errors"
	"testing"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/httpx"
)

// TestIfMatch: strong comparison (RFC 9110 §13.1.1).
func TestIfMatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		match, etag string
		ok          bool
	}{
		{"", `"v1"`, true},
		{"*", `"v1"`, true},
		{`"v1"`, `"v1"`, true},
		{` "v1" `, `"v1"`, true},
		{`"v0", "v1"`, `"v1"`, true},
		{`"v0","v1"`, `"v1"`, true},
		{`"v0", , "v1"`, `"v1"`, true},
		{`"a,b", "v1"`, `"v1"`, true},
		{`"v1`, `"v1"`, false},
		{`v1`, `"v1"`, false},
		{`"v0"`, `"v1"`, false},
		{`W/"v1"`, `"v1"`, false},
		{`W/"v1"`, `W/"v1"`, false},
		{`"v1"`, `W/"v1"`, false},
		{`*`, `W/"v1"`, true},
		{`"v1" "v2"`, `"v2"`, false},
		{`,,,`, `"v1"`, false},
		{`W/`, `"v1"`, false},
	} {
		err := httpx.IfMatch{Match: tc.match}.Check(tc.etag)
		if (err == nil) != tc.ok || (err != nil && !errors.Is(err, apperr.ErrPreconditionFailed)) {
			t.Errorf("If-Match %s against %s: %v", tc.match, tc.etag, err)
		}
	}
}

func TestConditionalRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	signedIn := []string{"Authorization", "Bearer good-token"}
	for name, tc := range map[string]struct {
		method string
		header []string
		status int
	}{
		"read":                       {"GET", nil, 200},
		"read, known":                {"GET", []string{"If-None-Match", `"v1"`}, 304},
		"read, known weakly":         {"GET", []string{"If-None-Match", `W/"v1"`}, 304},
		"read, one of several":       {"GET", []string{"If-None-Match", `"v0"`, "If-None-Match", `"v1"`}, 304},
		"read, any":                  {"GET", []string{"If-None-Match", "*"}, 304},
		"read, other":                {"GET", []string{"If-None-Match", `"v0"`}, 200},
		"head, known":                {"HEAD", []string{"If-None-Match", `"v1"`}, 304},
		"change, no condition":       {"PATCH", nil, 200},
		"change, right":              {"PATCH", []string{"If-Match", `"v1"`}, 200},
		"change, right on two lines": {"PATCH", []string{"If-Match", `"v0"`, "If-Match", `"v1"`}, 200},
		"change, any":                {"PATCH", []string{"If-Match", "*"}, 200},
		"change, outdated":           {"PATCH", []string{"If-Match", `"v0"`}, 412},
		"delete, outdated":           {"DELETE", []string{"If-Match", `"v0"`}, 412},
		"delete, right":              {"DELETE", []string{"If-Match", `"v1"`}, 200},
	} {
		body := ""
		if tc.method == "PATCH" {
			body = `{"name":"stool"}`
		}
		w := f.call(tc.method, "/api/v1/things/"+knownThing, body, append(tc.header, signedIn...)...)
		if w.Code != tc.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w.Code == 304 && (w.Body.Len() > 0 || w.Header().Get("Etag") != `"v1"`) {
			t.Errorf("%s: %v %q", name, w.Header(), w.Body)
		}
	}
}

// TestOptional: absent leaves, null clears, a value sets.
func TestOptional(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for body, check := range map[string]func(httpx.Optional[string]) bool{
		`{}`:               func(o httpx.Optional[string]) bool { return !o.Set && o.Value == nil },
		`{"name":null}`:    func(o httpx.Optional[string]) bool { return o.Set && o.Value == nil },
		`{"name":"stool"}`: func(o httpx.Optional[string]) bool { return o.Set && *o.Value == "stool" },
	} {
		if w := f.call("PATCH", "/api/v1/things/"+knownThing, body, "Authorization", "Bearer good-token"); w.Code != 200 {
			t.Fatalf("%s: %d %s", body, w.Code, w.Body)
		}
		if o := (<-f.seen).(httpx.Optional[string]); !check(o) {
			t.Errorf("%s: %+v", body, o)
		}
	}
}
