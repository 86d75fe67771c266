package httpx_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/ratelimit"
)

// window is a Limiter of two calls, which notes what it counted.
type window struct {
	mu    sync.Mutex
	calls map[string]int
}

func (w *window) Take(_ context.Context, name, key string) (ratelimit.Result, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch name {
	case "off":
		return ratelimit.Result{}, nil
	case "broken":
		return ratelimit.Result{}, errors.New("no store")
	}
	w.calls[name+" "+key]++
	n := w.calls[name+" "+key]
	limit := map[string]int{"tight": 2, "wide": 10}[name]
	return ratelimit.Result{Limit: limit, Remaining: max(limit-n, 0), Reset: testTime.Add(1500 * time.Millisecond), Reached: n > limit}, nil
}

func TestLimits(t *testing.T) {
	t.Parallel()
	w := &window{calls: map[string]int{}}
	f := newFixture(t, func(s *httpx.Settings, d *httpx.Deps) {
		d.Limiter = w
		s.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	op := func(id string, limits ...string) httpx.Endpoint {
		return httpx.Op(httpx.Operation{ID: id, Method: http.MethodPost, Path: "/api/v1/" + id, Access: httpx.Public, Limits: limits}, f.nothing)
	}
	if err := f.api.Mount([]httpx.Endpoint{op("limited", "wide", "tight"), op("unlimited", "off"), op("broken", "broken")}, nil); err != nil {
		t.Fatal(err)
	}
	ann, bob := []string{"X-Forwarded-For", "198.51.100.1"}, []string{"X-Forwarded-For", "2001:db8:1:2:aaaa::1"}
	neighbour := []string{"X-Forwarded-For", "2001:db8:1:2:bbbb::9"}
	for i, tc := range []struct {
		from      []string
		status    int
		remaining string
	}{
		{ann, 200, "1"}, {ann, 200, "0"}, {ann, 429, "0"}, {bob, 200, "1"}, {neighbour, 200, "0"}, {bob, 429, "0"},
	} {
		got := f.call("POST", "/api/v1/limited", "", tc.from...)
		h := got.Header()
		if got.Code != tc.status || h.Get("X-RateLimit-Limit") != "2" || h.Get("X-RateLimit-Remaining") != tc.remaining || h.Get("X-RateLimit-Reset") != "1772600768" {
			t.Errorf("call %d: %d %v", i, got.Code, h)
		}
		if got.Code == 429 && (errorType(t, got) != "RATE_LIMIT_EXCEEDED" || h.Get("Retry-After") != "2") {
			t.Errorf("call %d: %v %s", i, h, got.Body)
		}
	}
	if got := f.call("POST", "/api/v1/unlimited", ""); got.Code != 200 || got.Header().Get("X-RateLimit-Limit") != "" {
		t.Errorf("a limit that is off: %d %v", got.Code, got.Header())
	}
	if got := f.call("POST", "/api/v1/broken", ""); got.Code != 500 {
		t.Errorf("a limiter that fails: %d", got.Code)
	}
}
