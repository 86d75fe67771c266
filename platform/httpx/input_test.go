package httpx_test

import (
	"encoding/json"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// validThing is a body that is taken as it is.
func validThing() map[string]any {
	return map[string]any{"name": "chair", "email": "a@b.org", "password": "long-enough"}
}

// TestFields: each violation is said under its field, in the predecessor's words.
func TestFields(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	long := strings.Repeat("é", 11)
	for name, tc := range map[string]struct {
		change  map[string]any
		details string
	}{
		"fine":                   {nil, ""},
		"missing":                {map[string]any{"name": missing}, `{"name":["Missing data for required field."]}`},
		"null":                   {map[string]any{"name": nil}, `{"name":["Field may not be null."]}`},
		"null for optional":      {map[string]any{"kind": nil}, `{"kind":["Field may not be null."]}`},
		"null that clears":       {map[string]any{"owner": nil}, ""},
		"number for text":        {map[string]any{"name": 5}, `{"name":["Not a valid string."]}`},
		"list for text":          {map[string]any{"name": []any{"a"}}, `{"name":["Not a valid string."]}`},
		"object for text":        {map[string]any{"name": map[string]any{}}, `{"name":["Not a valid string."]}`},
		"too short":              {map[string]any{"name": "c"}, `{"name":["Length must be between 2 and 10."]}`},
		"too long in characters": {map[string]any{"name": long}, `{"name":["Length must be between 2 and 10."]}`},
		"long in bytes only":     {map[string]any{"name": long[:20]}, ""},
		"longer than":            {map[string]any{"owner": "abcdef"}, `{"owner":["Longer than maximum length 5."]}`},
		"secret too short":       {map[string]any{"password": "hunter2"}, `{"password":["Length must be between 8 and 128."]}`},
		"display name":           {map[string]any{"email": "A <a@b.org>"}, `{"email":["Not a valid email address."]}`},
		"space before":           {map[string]any{"email": " a@b.org"}, `{"email":["Not a valid email address."]}`},
		"one label":              {map[string]any{"email": "a@x"}, `{"email":["Not a valid email address."]}`},
		"localhost":              {map[string]any{"email": "a@localhost"}, ""},
		"unicode":                {map[string]any{"email": "jörg@exämple.org"}, ""},
		"other kind":             {map[string]any{"kind": "huge"}, `{"kind":["Must be one of: big, small."]}`},
		"out of range":           {map[string]any{"count": 10}, `{"count":["Must be greater than or equal to 1 and less than or equal to 9."]}`},
		"fraction":               {map[string]any{"count": 1.5}, `{"count":["Not a valid integer."]}`},
		"huge number":            {map[string]any{"count": json.RawMessage("1e999")}, `{"count":["Not a valid integer."]}`},
		"text for number":        {map[string]any{"count": "5"}, `{"count":["Not a valid integer."]}`},
		"text for boolean":       {map[string]any{"loud": "yes"}, `{"loud":["Not a valid boolean."]}`},
		"no list":                {map[string]any{"tags": "a"}, `{"tags":["Not a valid list."]}`},
		"elements":               {map[string]any{"tags": []any{1, "b"}}, `{"tags":{"0":["Not a valid string."]}}`},
		"too many":               {map[string]any{"tags": []any{"a", "b", "c"}}, `{"tags":["Longer than maximum length 2."]}`},
		"script link":            {map[string]any{"link": "javascript:alert(1)"}, `{"link":["Not a valid URL."]}`},
		"relative link":          {map[string]any{"link": "/a"}, `{"link":["Not a valid URL."]}`},
		"good link":              {map[string]any{"link": "https://a.example/b?c=d"}, ""},
		"inner":                  {map[string]any{"inner": map[string]any{}}, `{"inner.value":["Missing data for required field."]}`},
		"inner unknown":          {map[string]any{"inner": map[string]any{"value": "a", "b": 1}}, `{"inner.b":["Unknown field."]}`},
		"other case":             {map[string]any{"Name": "chair"}, `{"Name":["Unknown field."]}`},
		"unknown":                {map[string]any{"admin": true}, `{"admin":["Unknown field."]}`},
		"NUL":                    {map[string]any{"name": "a\x00b"}, `{"name":["Control characters are not allowed."]}`},
		"bell":                   {map[string]any{"name": "a\ab"}, `{"name":["Control characters are not allowed."]}`},
		"C1":                     {map[string]any{"name": "a\u0085b"}, `{"name":["Control characters are not allowed."]}`},
		"line break":             {map[string]any{"name": "a\nb"}, `{"name":["Control characters are not allowed."]}`},
		"bidi override":          {map[string]any{"name": "a\u202eb"}, `{"name":["Control characters are not allowed."]}`},
		"line break in note":     {map[string]any{"note": "a\r\n\tb"}, ""},
		"NUL in note":            {map[string]any{"note": "a\x00"}, `{"note":["Control characters are not allowed."]}`},
		"NUL in an unknown name": {map[string]any{"a\x00b": 1}, `{"_schema":["Unknown field."]}`},
		"everything at once": {
			map[string]any{"name": 1, "email": 2, "password": missing, "count": 0, "x": 1},
			`{"count":["Must be greater than or equal to 1 and less than or equal to 9."],"email":["Not a valid string."],` +
				`"name":["Not a valid string."],"password":["Missing data for required field."],"x":["Unknown field."]}`,
		},
	} {
		body := validThing()
		maps.Copy(body, tc.change)
		maps.DeleteFunc(body, func(_ string, v any) bool { return v == missing })
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		w := f.call("POST", "/api/v1/things", string(b))
		if tc.details == "" {
			if w.Code != 201 {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
			continue
		}
		if w.Code != 400 || errorType(t, w) != "VALIDATION_ERROR" || !strings.Contains(w.Body.String(), `"details":`+tc.details+"}") {
			t.Errorf("%s: %d %s\nwant details %s", name, w.Code, w.Body, tc.details)
		}
		if strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("%s: a value is repeated in the error", name)
		}
	}
}

// missing marks a member that is left out.
const missing = "\x00missing"

// TestBodies: what is no JSON, no object, no JSON in name, or too much of it.
func TestBodies(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	good := `{"name":"chair","email":"a@b.org","password":"long-enough"}`
	deep := strings.Repeat(`{"inner":`, 40) + "1" + strings.Repeat("}", 40)
	for name, tc := range map[string]struct {
		body   string
		header []string
		status int
		want   string
	}{
		"fine":                      {good, nil, 201, ""},
		"charset":                   {good, contentType("application/json; charset=UTF-8"), 201, ""},
		"charset in quotes":         {good, contentType(`Application/JSON;charset="utf-8"`), 201, ""},
		"white space around":        {" \n" + good + "\n", nil, 201, ""},
		"other charset":             {good, contentType("application/json; charset=latin1"), 415, "UNSUPPORTED_MEDIA_TYPE"},
		"no type":                   {good, []string{"Content-Type", "-"}, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"other type":                {good, contentType("text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE"},
		"form":                      {"name=chair", contentType("application/x-www-form-urlencoded"), 415, "UNSUPPORTED_MEDIA_TYPE"},
		"JSON of a kind":            {good, contentType("application/merge-patch+json"), 415, "UNSUPPORTED_MEDIA_TYPE"},
		"two types":                 {good, []string{"Content-Type", "application/json"}, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"compressed":                {good, []string{"Content-Encoding", "gzip"}, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"empty":                     {"", contentType("application/json"), 400, "BAD_REQUEST"},
		"empty without a type":      {"", nil, 415, "UNSUPPORTED_MEDIA_TYPE"},
		"cut off":                   {good[:20], nil, 400, "BAD_REQUEST"},
		"two values":                {good + good, nil, 400, "BAD_REQUEST"},
		"trailing comma":            {`{"name":"chair",}`, nil, 400, "BAD_REQUEST"},
		"single quotes":             {`{'name':'chair'}`, nil, 400, "BAD_REQUEST"},
		"comment":                   {"/* */" + good, nil, 400, "BAD_REQUEST"},
		"NaN":                       {`{"count":NaN}`, nil, 400, "BAD_REQUEST"},
		"byte order mark":           {"\ufeff" + good, nil, 400, "BAD_REQUEST"},
		"invalid UTF-8":             {"{\"name\":\"\xff\xfe\"}", nil, 400, "BAD_REQUEST"},
		"lone surrogate":            {`{"name":"\ud800"}`, nil, 400, "BAD_REQUEST"},
		"raw control character":     {"{\"name\":\"a\x01\"}", nil, 400, "BAD_REQUEST"},
		"too deep":                  {deep, nil, 400, "BAD_REQUEST"},
		"too deep where ignored":    {`{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, nil, 400, "BAD_REQUEST"},
		"null":                      {"null", nil, 400, `{"_schema":["Invalid input type."]}`},
		"list":                      {"[]", nil, 400, `{"_schema":["Invalid input type."]}`},
		"list of a good body":       {"[" + good + "]", nil, 400, `{"_schema":["Invalid input type."]}`},
		"text":                      {`"a"`, nil, 400, `{"_schema":["Invalid input type."]}`},
		"number":                    {"7", nil, 400, `{"_schema":["Invalid input type."]}`},
		"true":                      {"true", nil, 400, `{"_schema":["Invalid input type."]}`},
		"repeated name":             {`{"name":"chair","name":"stool","email":"a@b.org","password":"long-enough"}`, nil, 400, `{"name":["Repeated field."]}`},
		"repeated by an escape":     {`{"name":"chair","\u006eame":"stool","email":"a@b.org","password":"long-enough"}`, nil, 400, `{"name":["Repeated field."]}`},
		"repeated again and again":  {`{"x":1` + strings.Repeat(`,"x":1`, 5000) + `}`, nil, 400, `"x":["Unknown field.","Repeated field."]}`},
		"announced to be too large": {good + strings.Repeat(" ", 1<<20), nil, 413, "PAYLOAD_TOO_LARGE"},
		"exactly as large as may":   {good + strings.Repeat(" ", 1<<20-len(good)), nil, 201, ""},
	} {
		w := f.call("POST", "/api/v1/things", tc.body, tc.header...)
		if w.Code != tc.status || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func contentType(s string) []string { return []string{"Content-Type", "-", "Content-Type", s} }

// TestNoBody: where an operation takes no body, an empty one and an empty object pass.
func TestNoBody(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for name, tc := range map[string]struct {
		body   string
		header []string
		status int
	}{
		"none":                 {"", nil, 200},
		"none, with a type":    {"", contentType("application/json"), 200},
		"none, of any type":    {"", contentType("text/plain"), 200},
		"empty object":         {"{}", nil, 200},
		"something":            {`{"a":1}`, nil, 400},
		"no JSON":              {"a", nil, 400},
		"something of no type": {"a=b", []string{"Content-Type", "-"}, 415},
	} {
		if w := f.call("POST", "/api/v1/login", tc.body, tc.header...); w.Code != tc.status {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if w := f.call("GET", "/api/v1/things", "ignored", contentType("text/plain")...); w.Code != 200 {
		t.Errorf("a body on GET: %d %s", w.Code, w.Body)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for query, details := range map[string]string{
		"":                                   "",
		"limit=1":                            "",
		"limit=100&kind=small":               "",
		"old=true":                           "",
		"cursor=":                            "",
		"limit=0":                            `{"limit":["Must be greater than or equal to 1 and less than or equal to 100."]}`,
		"limit=101":                          `{"limit":["Must be greater than or equal to 1 and less than or equal to 100."]}`,
		"limit=-1":                           `{"limit":["Must be greater than or equal to 1 and less than or equal to 100."]}`,
		"limit=many":                         `{"limit":["Not a valid integer."]}`,
		"limit=":                             `{"limit":["Not a valid integer."]}`,
		"limit=1.5":                          `{"limit":["Not a valid integer."]}`,
		"limit=99999999999999999999":         `{"limit":["Not a valid integer."]}`,
		"limit=1&limit=2":                    `{"limit":["Repeated field."]}`,
		"Limit=1":                            `{"Limit":["Unknown field."]}`,
		"page=1&limit=x":                     `{"limit":["Not a valid integer."],"page":["Unknown field."]}`,
		"kind=huge":                          `{"kind":["Must be one of: big, small."]}`,
		"kind=%00":                           `{"kind":["Control characters are not allowed."]}`,
		"kind=%ff":                           `{"kind":["Not a valid string."]}`,
		"%00=1":                              `{"_schema":["Unknown field."]}`,
		"%ff=1":                              `{"_schema":["Unknown field."]}`,
		"old=maybe":                          `{"old":["Not a valid boolean."]}`,
		"cursor=nonsense":                    `{"cursor":["Not a valid cursor."]}`,
		"cursor=bnVsbA":                      `{"cursor":["Not a valid cursor."]}`,
		"cursor=" + strings.Repeat("a", 513): `{"cursor":["Longer than maximum length 512."]}`,
	} {
		w := f.call("GET", "/api/v1/things?"+query, "")
		if details == "" {
			if w.Code != 200 {
				t.Errorf("%q: %d %s", query, w.Code, w.Body)
			}
		} else if w.Code != 400 || !strings.Contains(w.Body.String(), `"details":`+details+"}") {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	}
	for _, query := range []string{"a=%zz", "a;b=1", "%"} {
		if w := f.call("GET", "/api/v1/things?"+query, ""); w.Code != 400 || errorType(t, w) != "BAD_REQUEST" {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
	}
}

// TestPathIDs: what is no id is answered like an unknown one, byte for byte.
func TestPathIDs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	unknown := f.call("GET", "/api/v1/things/0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a31", "")
	if unknown.Code != 404 {
		t.Fatalf("unknown id: %d", unknown.Code)
	}
	for _, id := range []string{
		"1", "me", "%00", "%ff", "a%2fb", "..%2f", "0192f0c17d3e7a4b9f6e2b1c8d5e4a30", "%7B0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30%7D",
		"urn:uuid:0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30", knownThing + "0", "' OR 1=1 --", strings.Repeat("x", 4000), "%0a", "null",
	} {
		target := "/api/v1/things/" + strings.ReplaceAll(id, " ", "%20")
		w := f.call("GET", target, "")
		if w.Code != 404 || w.Body.String() != unknown.Body.String() || !reflect.DeepEqual(w.Header(), unknown.Header()) {
			t.Errorf("%q: %d %s", id, w.Code, w.Body)
		}
	}
	if w := f.call("GET", "/api/v1/things/"+strings.ToUpper(knownThing), ""); w.Code != 200 {
		t.Errorf("an id in capitals: %d %s", w.Code, w.Body)
	}
	for _, how := range []string{"%00", "a%0Ab", "%ff"} {
		if w := f.call("GET", "/api/v1/fail/"+how, ""); w.Code != 404 {
			t.Errorf("%q: %d", how, w.Code)
		}
	}
}

// TestPages: a cursor leads on exactly where its page ended, and Link says the same.
func TestPages(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	var page struct {
		Meta struct {
			Limit int     `json:"limit"`
			Next  *string `json:"next_cursor"`
		} `json:"meta"`
	}
	w := f.call("GET", "/api/v1/things?kind=big", "")
	<-f.seen
	if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || page.Meta.Limit != 20 || page.Meta.Next == nil {
		t.Fatalf("%v %s", err, w.Body)
	}
	link, ok := strings.CutSuffix(w.Header().Get("Link"), `>; rel="next"`)
	next, err := url.Parse(strings.TrimPrefix(link, "<"))
	if !ok || err != nil || next.Host != "auth.example.org" || next.Query().Get("cursor") != *page.Meta.Next || next.Query().Get("kind") != "big" {
		t.Fatalf("Link %q", w.Header().Get("Link"))
	}
	last := f.call("GET", next.RequestURI(), "")
	if last.Code != 200 || last.Header().Get("Link") != "" || !strings.Contains(last.Body.String(), `"meta":{"limit":20,"next_cursor":null}`) {
		t.Errorf("the last page: %d %s %v", last.Code, last.Body, last.Header())
	}
	if pos := (<-f.seen).(position); pos.ID != knownThing || pos.Made.Nanosecond() != 6000 {
		t.Errorf("position %+v", pos)
	}
}

// TestStaticRoutesBesideIDs: a fixed name beside an id is its own route.
func TestStaticRoutesBesideIDs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if w := f.call("POST", "/api/v1/things/refresh", ""); w.Code != 200 {
		t.Errorf("POST refresh: %d", w.Code)
	}
	w := f.call("POST", "/api/v1/things/"+knownThing, "{}")
	allowed := strings.Split(w.Header().Get("Allow"), ", ")
	slices.Sort(allowed)
	if w.Code != 405 || !slices.Equal(allowed, []string{"DELETE", "GET", "HEAD", "PATCH"}) {
		t.Errorf("POST on an id: %d, Allow %q", w.Code, allowed)
	}
	if w := f.call("GET", "/raw/x", ""); w.Code != 200 || w.Body.String() != "raw x" || w.Header().Get("X-Frame-Options") != "DENY" {
		t.Errorf("raw: %d %q %v", w.Code, w.Body, w.Header())
	}
}
