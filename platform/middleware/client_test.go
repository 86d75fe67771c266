package middleware_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/authy2/backend/platform/middleware"
)

// request is a request from a socket, with header names and values in turn.
func request(peer string, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = peer
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

var trusted = middleware.Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

// TestClientAddress: the right-most hop that is no trusted proxy, and only when the
// socket belongs to one.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	const xff = "X-Forwarded-For"
	for name, tc := range map[string]struct {
		proxies middleware.Proxies
		r       *http.Request
		want    string
	}{
		"no proxy":                        {trusted, request("192.0.2.1:9"), "192.0.2.1"},
		"untrusted socket lies":           {trusted, request("192.0.2.1:9", xff, "203.0.113.5"), "192.0.2.1"},
		"nobody is trusted":               {nil, request("10.0.0.1:9", xff, "203.0.113.5"), "10.0.0.1"},
		"one hop":                         {trusted, request("10.0.0.1:9", xff, "203.0.113.5"), "203.0.113.5"},
		"client's own claim is left out":  {trusted, request("10.0.0.1:9", xff, "1.2.3.4, 203.0.113.5"), "203.0.113.5"},
		"two proxies":                     {trusted, request("10.0.0.1:9", xff, "1.2.3.4, 203.0.113.5, 10.9.9.9"), "203.0.113.5"},
		"two lines":                       {trusted, request("10.0.0.1:9", xff, "203.0.113.5", xff, "10.9.9.9"), "203.0.113.5"},
		"all trusted":                     {trusted, request("10.0.0.1:9", xff, "10.1.1.1,10.2.2.2"), "10.1.1.1"},
		"no header":                       {trusted, request("10.0.0.1:9"), "10.0.0.1"},
		"empty header":                    {trusted, request("10.0.0.1:9", xff, ""), "10.0.0.1"},
		"garbage":                         {trusted, request("10.0.0.1:9", xff, "nonsense"), "10.0.0.1"},
		"garbage before a trusted hop":    {trusted, request("10.0.0.1:9", xff, "<script>, 10.2.2.2"), "10.2.2.2"},
		"garbage further left is not met": {trusted, request("10.0.0.1:9", xff, ",,;, 203.0.113.5"), "203.0.113.5"},
		"with a port":                     {trusted, request("10.0.0.1:9", xff, "203.0.113.5:4711"), "203.0.113.5"},
		"IPv6":                            {trusted, request("[fd00::1]:9", xff, "2001:db8::7"), "2001:db8::7"},
		"IPv6 with a port":                {trusted, request("[fd00::1]:9", xff, "[2001:db8::7]:4711"), "2001:db8::7"},
		"mapped IPv4":                     {trusted, request("[::ffff:10.0.0.1]:9", xff, "::ffff:203.0.113.5"), "203.0.113.5"},
		"no socket":                       {trusted, request("", xff, "203.0.113.5"), "invalid IP"},
	} {
		if got := tc.proxies.Client(tc.r).String(); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestSecure(t *testing.T) {
	t.Parallel()
	const proto = "X-Forwarded-Proto"
	for name, tc := range map[string]struct {
		r    *http.Request
		want bool
	}{
		"plain":                   {request("192.0.2.1:9"), false},
		"trusted proxy says so":   {request("10.0.0.1:9", proto, "HTTPS"), true},
		"trusted proxy says http": {request("10.0.0.1:9", proto, "http"), false},
		"anybody says so":         {request("192.0.2.1:9", proto, "https"), false},
		"said twice":              {request("10.0.0.1:9", proto, "https", proto, "http"), false},
	} {
		if got := trusted.Secure(tc.r); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestCleanUserAgent(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"":                             "",
		"curl/8.1 (x86_64)":            "curl/8.1 (x86_64)",
		"a\x00b\x1b[31mc\x7f\u0085d":   "ab[31mcd",
		"bad \xff\xfe utf-8":           "bad  utf-8",
		"größer":                       "größer",
		strings.Repeat("x", 600):       strings.Repeat("x", 512),
		strings.Repeat("ä", 300):       strings.Repeat("ä", 256),
		"x" + strings.Repeat("ä", 300): "x" + strings.Repeat("ä", 255),
	} {
		if got := middleware.CleanUserAgent(given); got != want {
			t.Errorf("%q became %q, want %q", given, got, want)
		}
	}
}

func TestTraceID(t *testing.T) {
	t.Parallel()
	const id, rest = "4bf92f3577b34da6a3ce929d0e0e4736", "-00f067aa0ba902b7-01"
	for name, tc := range map[string]struct {
		values []string
		want   string
	}{
		"good":                 {[]string{"00-" + id + rest}, id},
		"version to come":      {[]string{"cc-" + id + rest + "-more"}, id},
		"version to come, bad": {[]string{"cc-" + id + rest + "more"}, ""},
		"none":                 {nil, ""},
		"empty":                {[]string{""}, ""},
		"two":                  {[]string{"00-" + id + rest, "00-" + id + rest}, ""},
		"version ff":           {[]string{"ff-" + id + rest}, ""},
		"longer version 00":    {[]string{"00-" + id + rest + "-more"}, ""},
		"capitals":             {[]string{"00-" + strings.ToUpper(id) + rest}, ""},
		"zero trace":           {[]string{"00-" + strings.Repeat("0", 32) + rest}, ""},
		"zero parent":          {[]string{"00-" + id + "-" + strings.Repeat("0", 16) + "-01"}, ""},
		"no hex":               {[]string{"00-" + strings.Repeat("g", 32) + rest}, ""},
		"bad flags":            {[]string{"00-" + id + "-00f067aa0ba902b7-0x"}, ""},
		"short":                {[]string{"00-" + id}, ""},
		"no dashes":            {[]string{strings.ReplaceAll("00-"+id+rest, "-", "_")}, ""},
	} {
		if got := middleware.TraceID(tc.values); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func FuzzClientAddress(f *testing.F) {
	for _, s := range []string{"203.0.113.5", "a, b, 10.0.0.1", ",,,", "[::1]:9, 10.0.0.1", "\x00", "fe80::1%eth0, 10.0.0.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		addr := trusted.Client(request("10.0.0.1:9", "X-Forwarded-For", header))
		if !addr.IsValid() || addr.Is4In6() {
			t.Fatalf("%q gave %v", header, addr)
		}
		if got := trusted.Client(request("192.0.2.1:9", "X-Forwarded-For", header)); got.String() != "192.0.2.1" {
			t.Fatalf("%q from an untrusted socket gave %v", header, got)
		}
	})
}

func FuzzTraceID(f *testing.F) {
	for _, s := range []string{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "", "00", strings.Repeat("-", 55)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if id := middleware.TraceID([]string{header}); id != "" && (len(id) != 32 || !strings.Contains(header, "-"+id+"-")) {
			t.Fatalf("%q gave %q", header, id)
		}
	})
}

func FuzzUserAgent(f *testing.F) {
	for _, s := range []string{"curl", "\x00\x7f\x80", "ä\u202e", strings.Repeat("é", 400)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		clean := middleware.CleanUserAgent(header)
		if len(clean) > 512 || !utf8.ValidString(clean) || strings.ContainsFunc(clean, unicode.IsControl) {
			t.Fatalf("%q became %q", header, clean)
		}
		if middleware.CleanUserAgent(clean) != clean {
			t.Fatalf("%q is cleaned twice", header)
		}
	})
}
