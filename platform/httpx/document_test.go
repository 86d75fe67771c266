package httpx_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

func TestDocument(t *testing.T) {
	t.Parallel()
	w := newFixture(t).call("GET", "/api/openapi.json", "")
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	platformtest.Golden(t, "testdata/openapi.json", append(bytes.TrimSpace(w.Body.Bytes()), '\n'))
	var doc struct {
		OpenAPI string                                `json:"openapi"`
		Paths   map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || len(doc.Paths) != 8 {
		t.Errorf("version %s, %d paths", doc.OpenAPI, len(doc.Paths))
	}
	if bytes.Contains(w.Body.Bytes(), []byte("$schema")) {
		t.Error("the document has $schema")
	}
	again := newFixture(t).call("GET", "/api/openapi.json", "", "If-None-Match", w.Header().Get("Etag"))
	if again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("with its tag: %d, %d bytes", again.Code, again.Body.Len())
	}
}

// TestLint: what a declaration lacks is said, all of it at once.
func TestLint(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.api.Lint(); err != nil {
		t.Errorf("the fixture: %v", err)
	}
	if err := f.api.Mount([]httpx.Endpoint{
		httpx.Op(httpx.Operation{ID: "Bad_One", Method: http.MethodPost, Path: "/api/v1/bad", BodyExample: map[string]any{"name": "x", "more": 1}}, func(context.Context, *createInput) (*httpx.Reply[thingData], error) {
			return nil, apperr.ErrNotFound
		}),
	}, nil); err != nil {
		t.Fatal(err)
	}
	err := f.api.Lint()
	if err == nil {
		t.Fatal("Lint found nothing")
	}
	const where = "POST /api/v1/bad: "
	for _, want := range []string{
		"the id must be lower-case with dashes", "there is no summary", "there is no tag", "there is no example of the result",
		"the example of the body: email: Missing data for required field.", "the example of the body: more: Unknown field.",
		"the example of the body: name: Length must be between 2 and 10.",
	} {
		if !strings.Contains(err.Error(), where+want) {
			t.Errorf("Lint does not say %q:\n%v", want, err)
		}
	}
}

// TestMountRefuses: a declaration that cannot be mounted is an error that names it.
func TestMountRefuses(t *testing.T) {
	t.Parallel()
	type hidden struct {
		ID httpx.ID `path:"id"`
	}
	nothing := func(context.Context, *struct{ hidden }) (*httpx.Reply[httpx.Empty], error) { return nil, nil }
	plain := func(context.Context, *struct{}) (*httpx.Reply[httpx.Empty], error) { return nil, nil }
	for name, e := range map[string]httpx.Endpoint{
		"unbound path parameter": httpx.Op(httpx.Operation{ID: "a", Method: "GET", Path: "/api/v1/a/{id}"}, nothing),
		"twice":                  httpx.Op(httpx.Operation{ID: "b", Method: "GET", Path: "/api/v1/things"}, nothing),
		"no method":              httpx.Op(httpx.Operation{ID: "c", Path: "/api/v1/c"}, nothing),
		"permission of anybody":  httpx.Op(httpx.Operation{ID: "d", Method: "GET", Path: "/api/v1/d", Permission: "a:b", Access: httpx.Public}, plain),
		"permission of maybe":    httpx.Op(httpx.Operation{ID: "e", Method: "GET", Path: "/api/v1/e", Permission: "a:b", Access: httpx.MaybeSignedIn}, plain),
		"stream that is kept":    httpx.Op(httpx.Operation{ID: "f", Method: "POST", Path: "/api/v1/f", Streams: []string{"text/csv"}, Idempotent: true}, plain),
		"stream of JSON":         httpx.Op(httpx.Operation{ID: "g", Method: "GET", Path: "/api/v1/g", Streams: []string{"application/json"}}, plain),
		"stream of nothing":      httpx.Op(httpx.Operation{ID: "h", Method: "GET", Path: "/api/v1/h", Streams: []string{"csv; x"}}, plain),
	} {
		if err := newFixture(t).api.Mount([]httpx.Endpoint{e}, nil); err == nil || !strings.Contains(err.Error(), e.Path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDocsPage: the page can be read without scripts, and nothing in it needs the
// policy to be laxer than it is.
func TestDocsPage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := f.call("GET", "/api/docs", "")
	page := w.Body.String()
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	for _, o := range f.api.Operations() {
		if !strings.Contains(page, `id="`+o.ID+`"`) || !strings.Contains(page, o.Path) || !strings.Contains(page, o.Summary) {
			t.Errorf("%s is not on the page", o.ID)
		}
	}
	for what, pattern := range map[string]string{
		"an inline script":  `<script(\s[^>]*)?>[^<]`,
		"an inline style":   `<style|\sstyle=`,
		"an event handler":  `\son[a-z]+=`,
		"a foreign address": `(src|href)="(https?:)?//`,
	} {
		if found := regexp.MustCompile(pattern).FindString(page); found != "" {
			t.Errorf("the page has %s: %s", what, found)
		}
	}
	for _, asset := range regexp.MustCompile(`/api/docs/assets/[a-z.]+`).FindAllString(page, -1) {
		if a := f.call("GET", asset, ""); a.Code != 200 || a.Body.Len() == 0 || a.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d", asset, a.Code)
		}
	}
	if !strings.Contains(page, `id="VALIDATION_ERROR"`) {
		t.Error("the error types are missing, which problem details link to")
	}
}
