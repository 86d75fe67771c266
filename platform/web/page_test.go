package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/web"
)

const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// Every page and error page, whole, with the headers that keep it safe.
func TestPages(t *testing.T) {
	t.Parallel()
	s := newSite(t, web.Brand{}, samples())
	for name, tc := range map[string]struct {
		request
		status int
	}{
		"full":         {request{"GET", "/full?token=" + token, "", nil}, 200},
		"wrong":        {request{"POST", "/full", "", nil}, 400},
		"hostile":      {request{"GET", "/hostile", "", nil}, 200},
		"done":         {request{"GET", "/done", "", nil}, 200},
		"stop":         {request{"GET", "/stop", "", nil}, 410},
		"bad_query":    {request{"GET", "/full?token=%zz", "", nil}, 400},
		"bad_form":     {request{"POST", "/visitor", "name=%zz", nil}, 400},
		"elsewhere":    {request{"POST", "/full", "", []string{"Origin", "https://evil.example.com"}}, 403},
		"no_asset":     {request{"GET", "/assets/unknown.css", "", nil}, 404},
		"wrong_method": {request{"PUT", "/full", "", nil}, 405},
		"get_only":     {request{"POST", "/done", "", nil}, 405},
		"conflict":     {request{"GET", "/taken", "", nil}, 409},
		"gone":         {request{"POST", "/broken", "", nil}, 410},
		"too_large":    {request{"POST", "/visitor", "name=" + strings.Repeat("x", 64<<10), nil}, 413},
		"far_too_large": {
			request{"POST", "/visitor", "name=" + strings.Repeat("x", 1<<20), nil}, 413,
		},
		"json":        {request{"POST", "/full", "{}", []string{"Origin", origin, "Content-Type", "application/json"}}, 415},
		"internal":    {request{"GET", "/broken", "", nil}, 500},
		"panic":       {request{"GET", "/panic", "", nil}, 500},
		"upstream":    {request{"GET", "/upstream", "", nil}, 502},
		"unavailable": {request{"GET", "/away", "", nil}, 503},
	} {
		res, body := s.send(t, tc.request)
		if res.StatusCode != tc.status {
			t.Errorf("%s: status %d, want %d", name, res.StatusCode, tc.status)
		}
		checkPage(t, name, res, body)
		golden(t, name, body)
	}
	if strings.Contains(s.logs.String(), token) {
		t.Error("a token is in the log")
	}
}

var (
	headings = regexp.MustCompile(`<h1[ >]`)
	label    = regexp.MustCompile(`<label for="([^"]+)">`)
	field    = regexp.MustCompile(`<input id="([^"]+)"`)
)

var hash = regexp.MustCompile(`/assets/[0-9a-f]{24}`)

// golden compares a page with its file, in which the names of assets stay the same.
func golden(t *testing.T, name, body string) {
	t.Helper()
	platformtest.Golden(t, "testdata/"+name+".html", []byte(hash.ReplaceAllString(body, "/assets/<hash>")))
}

// checkPage wants of every page what no page may lack.
func checkPage(t *testing.T, name string, res *http.Response, body string) {
	t.Helper()
	for header, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "X-Robots-Tag": "noindex", "Cross-Origin-Opener-Policy": "same-origin",
	} {
		if got := res.Header.Get(header); got != want {
			t.Errorf("%s: %s is %q, want %q", name, header, got, want)
		}
	}
	for _, want := range []string{`<html lang="en">`, `<meta name="robots" content="noindex">`, "<title>", "<main>", `width=device-width`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s: %s is missing", name, want)
		}
	}
	for _, never := range []string{"<script", "style=", "10.0.0.9", "password authentication", "secret detail", "never shown", "pq:"} {
		if strings.Contains(body, never) {
			t.Errorf("%s: it holds %s", name, never)
		}
	}
	if len(headings.FindAllString(body, -1)) != 1 {
		t.Errorf("%s: one heading is wanted", name)
	}
	labels, fields := label.FindAllStringSubmatch(body, -1), field.FindAllStringSubmatch(body, -1)
	if len(labels) != len(fields) {
		t.Errorf("%s: %d labels for %d fields", name, len(labels), len(fields))
	}
	if len(body) > 10<<10 {
		t.Errorf("%s: %d bytes", name, len(body))
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	s := newSite(t, web.Brand{}, samples())
	for name, tc := range map[string]struct {
		headers []string
		ok      bool
	}{
		"own origin":                       {[]string{"Origin", origin}, true},
		"own origin in capitals":           {[]string{"Origin", "HTTPS://ID.example.com"}, true},
		"null from this origin":            {[]string{"Origin", "null", "Sec-Fetch-Site", "same-origin"}, true},
		"no origin, said by the browser":   {[]string{"Sec-Fetch-Site", "same-origin"}, true},
		"nothing":                          {[]string{"Accept", "text/html"}, false},
		"null alone":                       {[]string{"Origin", "null"}, false},
		"null of the same site":            {[]string{"Origin", "null", "Sec-Fetch-Site", "same-site"}, false},
		"null from elsewhere":              {[]string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, false},
		"typed in":                         {[]string{"Sec-Fetch-Site", "none"}, false},
		"foreign":                          {[]string{"Origin", "https://evil.example.com"}, false},
		"foreign, with the browser's word": {[]string{"Origin", "https://evil.example.com", "Sec-Fetch-Site", "same-origin"}, false},
		"listed for scripts":               {[]string{"Origin", "https://app.example.com"}, false},
		"plain http":                       {[]string{"Origin", "http://id.example.com"}, false},
		"another port":                     {[]string{"Origin", origin + ":8443"}, false},
		"longer":                           {[]string{"Origin", origin + ".evil.com"}, false},
	} {
		res, body := s.send(t, request{"POST", "/visitor", "name=x", tc.headers})
		if want := map[bool]int{true: 200, false: 403}[tc.ok]; res.StatusCode != want || (len(res.Cookies()) == 1) != tc.ok {
			t.Errorf("%s: %d, cookies %v\n%s", name, res.StatusCode, res.Cookies(), body)
		}
	}
}

func TestVisit(t *testing.T) {
	t.Parallel()
	s := newSite(t, web.Brand{}, samples())
	const cookie = "__Host-authy2_session="
	for name, tc := range map[string]struct {
		request
		status int
		want   string
	}{
		"nobody":                    {request{"GET", "/visitor", "", nil}, 200, "You are nobody"},
		"signed in":                 {request{"GET", "/visitor", "", []string{"Cookie", cookie + "ann"}}, 200, "You are ann@example.com"},
		"a session that is over":    {request{"GET", "/visitor", "", []string{"Cookie", cookie + "old"}}, 200, "You are nobody"},
		"good for one thing":        {request{"GET", "/visitor", "", []string{"Cookie", cookie + "bound"}}, 200, "You are nobody"},
		"bearer tokens are no sign": {request{"GET", "/visitor", "", []string{"Authorization", "Bearer ann"}}, 200, "You are nobody"},
		"it cannot be told":         {request{"GET", "/visitor", "", []string{"Cookie", cookie + "away"}}, 503, "Not right now"},
		"token of the link":         {request{"GET", "/visitor?token=abc", "", nil}, 200, "<p dir=\"auto\">token=abc</p>"},
		"two tokens":                {request{"GET", "/visitor?token=a&token=b", "", nil}, 200, "<p dir=\"auto\">token=</p>"},
		"token of the form":         {request{"POST", "/visitor?token=abc", "token=def&name=Ann%20%C3%A9", nil}, 200, "<p dir=\"auto\">token=def</p>\n<p dir=\"auto\">name=Ann é</p>"},
		"form without a token":      {request{"POST", "/visitor?token=abc", "", nil}, 200, "<p dir=\"auto\">token=abc</p>"},
		"a field twice":             {request{"POST", "/visitor", "name=a&name=b", nil}, 400, "This cannot be read"},
		"no UTF-8":                  {request{"POST", "/visitor", "name=%ff", nil}, 400, "This cannot be read"},
		"NUL":                       {request{"POST", "/visitor", "name=%00", nil}, 400, "This cannot be read"},
		"just small enough":         {request{"POST", "/visitor", "name=" + strings.Repeat("x", 64<<10-5), nil}, 200, "xxx"},
	} {
		res, body := s.send(t, tc.request)
		if res.StatusCode != tc.status || !strings.Contains(body, tc.want) {
			t.Errorf("%s: %d, want %d and %s\n%s", name, res.StatusCode, tc.status, tc.want, body)
		}
	}
	res, _ := s.send(t, request{"POST", "/visitor", "", nil})
	if c := res.Header.Get("Set-Cookie"); c != cookie+"fresh; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax" {
		t.Errorf("the cookie is %s", c)
	}
	res, body := s.send(t, request{"GET", "/away", "", nil})
	if res.Header.Get("Retry-After") != "1" || !strings.Contains(body, "Reference: request-1") {
		t.Errorf("%v %s", res.Header, body)
	}
	if lines := s.logs.String(); strings.Contains(lines, "abc") || strings.Contains(lines, "def") || !strings.Contains(lines, `"route":"/visitor"`) ||
		!strings.Contains(lines, `"route":"/away","code":"SERVICE_UNAVAILABLE"`) {
		t.Errorf("the log is %s", lines)
	}
}

func TestLimitsOfPages(t *testing.T) {
	t.Parallel()
	s := newSite(t, web.Brand{}, samples())
	for i := range 5 {
		res, body := s.send(t, request{"POST", "/limited", "", nil})
		if want := map[bool]int{true: 429, false: 200}[i > 2]; res.StatusCode != want || res.Header.Get("X-RateLimit-Limit") != "3" {
			t.Errorf("post %d: %d %v", i, res.StatusCode, res.Header)
		}
		if i > 2 && (res.Header.Get("Retry-After") != "90" || !strings.Contains(body, "Try again in 2 minutes.")) {
			t.Errorf("post %d: %v\n%s", i, res.Header, body)
		}
		if i == 4 {
			checkPage(t, "limited", res, body)
			golden(t, "limited", body)
		}
		if res, _ := s.send(t, request{"GET", "/limited", "", nil}); res.StatusCode != 200 {
			t.Errorf("look %d at a page whose posts are limited: %d", i, res.StatusCode)
		}
		if res, _ := s.send(t, request{"GET", "/looks", "", nil}); (res.StatusCode == 429) != (i > 2) {
			t.Errorf("look %d: %d", i, res.StatusCode)
		}
	}
	// What is refused for its origin counts against nothing.
	s = newSite(t, web.Brand{}, samples())
	for range 5 {
		s.send(t, request{"POST", "/limited", "", []string{"Origin", "https://evil.example.com"}})
	}
	if res, _ := s.send(t, request{"POST", "/limited", "", nil}); res.StatusCode != 200 {
		t.Errorf("after foreign posts: %d", res.StatusCode)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	s := newSite(t, web.Brand{}, samples())
	for path, status := range map[string]int{"/full": 200, "/stop": 410, "/broken": 500, styleOf(t, s): 200} {
		get, _ := s.send(t, request{"GET", path, "", nil})
		head, body := s.send(t, request{"HEAD", path, "", nil})
		if head.StatusCode != status || body != "" || head.Header.Get("Content-Length") == "" || head.Header.Get("Content-Length") != get.Header.Get("Content-Length") {
			t.Errorf("HEAD %s: %d %v %q", path, head.StatusCode, head.Header, body)
		}
	}
	for path, allow := range map[string]string{"/full": "GET, HEAD, POST", "/done": "GET, HEAD"} {
		if res, _ := s.send(t, request{"DELETE", path, "", nil}); res.StatusCode != 405 || res.Header.Get("Allow") != allow {
			t.Errorf("DELETE %s: %d %v", path, res.StatusCode, res.Header)
		}
	}
}

var stylePath = regexp.MustCompile(`<link rel="stylesheet" href="(/assets/[0-9a-f]{24}\.css)">`)

func styleOf(t testing.TB, s *site) string {
	t.Helper()
	_, body := s.send(t, request{"GET", "/full", "", nil})
	found := stylePath.FindStringSubmatch(body)
	if found == nil {
		t.Fatalf("no stylesheet:\n%s", body)
	}
	return found[1]
}

func TestAssets(t *testing.T) {
	t.Parallel()
	s := newSite(t, web.Brand{}, samples())
	style := styleOf(t, s)
	res, css := s.send(t, request{"GET", style, "", nil})
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/css; charset=utf-8" || res.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
		res.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(css, "--accent: #2456c8;") {
		t.Errorf("%d %v\n%s", res.StatusCode, res.Header, css)
	}
	for _, want := range []string{"prefers-color-scheme: dark", ":focus-visible", "forced-colors"} {
		if !strings.Contains(css, want) {
			t.Errorf("the stylesheet lacks %s", want)
		}
	}
	_, page := s.send(t, request{"POST", "/full", "", nil})
	if n := len(css) + len(page); n > 30<<10 {
		t.Errorf("a page weighs %d bytes", n)
	}
	other := newSite(t, web.Brand{Name: "élan & <Co>", Accent: "#7a1f5c", LogoURL: "https://cdn.example.com:8443/logo.png?a=1&b=2"}, samples())
	if styleOf(t, other) == style {
		t.Error("another colour has the same path")
	}
	res, page = other.send(t, request{"GET", "/done", "", nil})
	if got := res.Header.Get("Content-Security-Policy"); got != strings.Replace(policy, "img-src 'self'", "img-src 'self' https://cdn.example.com:8443", 1) {
		t.Errorf("the policy is %s", got)
	}
	golden(t, "branded", page)
	icon := regexp.MustCompile(`<link rel="icon" href="([^"]+\.svg)">`).FindStringSubmatch(page)
	if icon == nil {
		t.Fatalf("no icon:\n%s", page)
	}
	res, svg := other.send(t, request{"GET", icon[1], "", nil})
	if res.Header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(svg, `fill="#7a1f5c"`) || !strings.Contains(svg, ">É</text>") {
		t.Errorf("%v\n%s", res.Header, svg)
	}
}

func TestBrandIsChecked(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		brand web.Brand
		ok    bool
	}{
		"none":            {web.Brand{}, true},
		"all":             {web.Brand{Name: "Acme", Accent: "#AAbb00", LogoURL: "https://[2001:db8::1]:443/a.png"}, true},
		"ends the rule":   {web.Brand{Accent: "red;}body{display:none"}, false},
		"short colour":    {web.Brand{Accent: "#06c"}, false},
		"ends the policy": {web.Brand{LogoURL: "https://a.example.com;script-src/logo.png"}, false},
		"plain http":      {web.Brand{LogoURL: "http://a.example.com/logo.png"}, false},
		"every host":      {web.Brand{LogoURL: "https://*/logo.png"}, false},
		"no host":         {web.Brand{LogoURL: "https:///logo.png"}, false},
	} {
		if _, err := web.New(tc.brand, origin, nil); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if raw := new(web.Pages).Raw(nil); raw != nil {
		t.Errorf("no pages leave %v", raw)
	}
}

// What is hostile stays text, and reads in the order in which it is written.
func TestHostileTextIsText(t *testing.T) {
	t.Parallel()
	s := newSite(t, web.Brand{}, samples())
	_, body := s.send(t, request{"GET", "/hostile", "", nil})
	for _, never := range []string{"<script>alert", "\u202e", "\u2066", "\x00"} {
		if strings.Contains(body, never) {
			t.Errorf("the page holds %q:\n%s", never, body)
		}
	}
}
