package httpx_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

// serve runs the fixture's API on a port of its own.
func serve(t *testing.T, f *fixture) (address string, stop func() error) {
	t.Helper()
	s := httpx.NewServer("127.0.0.1:0", f.api.Handler(), platformtest.Log(t))
	addr, err := s.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	stop = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Stop(ctx); err != nil {
			return err
		}
		return <-served
	}
	return addr.String(), stop
}

// raw sends bytes as they are and returns the answer.
func raw(t *testing.T, address, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	go func() { _, _ = io.WriteString(conn, request) }() // a server that refuses does not read it all
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%.60q: %v", request, err)
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(res.Body)
	return res, string(body)
}

// TestOverTheWire: what only a real connection shows.
func TestOverTheWire(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	address, stop := serve(t, f)
	const host = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	const jsonBody = "Content-Type: application/json\r\n"
	good := `{"name":"chair","email":"a@b.org","password":"long-enough"}`
	for name, tc := range map[string]struct {
		request string
		status  int
		body    string
	}{
		"read":                {"GET /api/v1/things/" + knownThing + host + "\r\n", 200, `"success":true`},
		"chunked":             {"POST /api/v1/things" + host + jsonBody + "Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(good), good), 201, `"success":true`},
		"chunked too large":   {"POST /api/v1/things" + host + jsonBody + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat(" ", 0x10000)+"\r\n", 17) + "0\r\n\r\n", 413, "PAYLOAD_TOO_LARGE"},
		"announced too large": {"POST /api/v1/things" + host + jsonBody + "Content-Length: 1048577\r\n\r\n", 413, "PAYLOAD_TOO_LARGE"},
		"not waiting for it":  {"POST /api/v1/things" + host + jsonBody + "Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n", 413, "PAYLOAD_TOO_LARGE"},
		"broken chunks":       {"POST /api/v1/things" + host + jsonBody + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "BAD_REQUEST"},
		"empty chunks":        {"POST /api/v1/login" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, `"success":true`},
		"64 KiB of header":    {"GET /api/v1/things" + host + "X-A: " + strings.Repeat("a", 66<<10) + "\r\n\r\n", 431, ""},
		"60 KiB of header":    {"GET /api/v1/things" + host + "X-A: " + strings.Repeat("a", 60<<10) + "\r\n\r\n", 200, `"success":true`},
		"odd method":          {"BREW /api/v1/things" + host + "\r\n", 405, "METHOD_NOT_ALLOWED"},
		"asterisk":            {"OPTIONS *" + host + "\r\n", 404, "NOT_FOUND"},
		"unknown":             {"GET /api/v1/x" + host + "\r\n", 404, "NOT_FOUND"},
	} {
		res, body := raw(t, address, tc.request)
		if res.StatusCode != tc.status || !strings.Contains(body, tc.body) {
			t.Errorf("%s: %d %.200s", name, res.StatusCode, body)
		}
		if tc.body != "" && (res.Header.Get("X-Request-Id") == "" || res.Header.Get("X-Content-Type-Options") != "nosniff") {
			t.Errorf("%s: %v", name, res.Header)
		}
	}
	get, body := raw(t, address, "GET /api/v1/things/"+knownThing+host+"\r\n")
	head, none := raw(t, address, "HEAD /api/v1/things/"+knownThing+host+"\r\n")
	if none != "" || head.StatusCode != 200 || head.Header.Get("Etag") != get.Header.Get("Etag") {
		t.Errorf("HEAD: %d %v %q", head.StatusCode, head.Header, none)
	}
	if want := fmt.Sprint(len(body)); get.Header.Get("Content-Length") != want || head.Header.Get("Content-Length") == "" {
		t.Errorf("lengths: GET %v, HEAD %v, body %s", get.Header["Content-Length"], head.Header["Content-Length"], want)
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if _, err := net.Dial("tcp", address); err == nil {
		t.Error("it listens after Stop")
	}
}

// TestSlowBody: a body that does not come is not waited for, and a handler that works
// longer than a body may take is not disturbed.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	o := newOnce(t, b, b.Store, func(s *httpx.Settings, _ *httpx.Deps) { s.BodyTimeout = 50 * time.Millisecond })
	address, stop := serve(t, o.fixture)
	const head = "POST /api/v1/rows HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
	if res, body := raw(t, address, head+"50\r\n\r\n{\"name\""); res.StatusCode != 400 || !strings.Contains(body, "BAD_REQUEST") {
		t.Errorf("a body cut short: %d %s", res.StatusCode, body)
	}
	answer := make(chan int, 1)
	go func() {
		body := `{"name":"wait"}`
		res, _ := raw(t, address, fmt.Sprintf("%s%d\r\n\r\n%s", head, len(body), body))
		answer <- res.StatusCode
	}()
	<-o.entered
	<-time.After(150 * time.Millisecond) // three times what a body may take
	close(o.leave)
	if code := <-answer; code != 201 {
		t.Errorf("a handler that takes longer: %d", code)
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// TestHeldConnection: a client that would go on with its connection cannot hold it, and
// the answer, by never finishing its body.
func TestHeldConnection(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	o := newOnce(t, b, b.Store, func(s *httpx.Settings, _ *httpx.Deps) { s.BodyTimeout = 50 * time.Millisecond })
	address, stop := serve(t, o.fixture)
	const head = "POST /api/v1/rows HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
	for name, request := range map[string]string{
		"announced": head + "Content-Length: 50\r\n\r\n{\"name\"",
		"chunked":   head + "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"name\"\r\n",
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.WriteString(conn, request); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn) // to the end of the connection
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), "BAD_REQUEST") {
			t.Errorf("%s: %v: %s", name, err, answer)
		}
		_ = conn.Close()
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// TestStopFinishes: a request under way is answered before Stop returns.
func TestStopFinishes(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	o := newOnce(t, b, b.Store)
	address, stop := serve(t, o.fixture)
	answer := make(chan int, 1)
	go func() {
		body := `{"name":"wait"}`
		res, _ := raw(t, address, fmt.Sprintf("POST /api/v1/rows HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		answer <- res.StatusCode
	}()
	<-o.entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	close(o.leave)
	if code := <-answer; code != 201 {
		t.Errorf("answer %d", code)
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	first := httpx.NewServer("127.0.0.1:0", http.NotFoundHandler(), platformtest.Log(t))
	if err := first.Serve(); err == nil {
		t.Error("serve before listen: no error")
	}
	addr, err := first.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second := httpx.NewServer(addr.String(), http.NotFoundHandler(), platformtest.Log(t))
	if _, err := second.Listen(t.Context()); err == nil || !strings.Contains(err.Error(), addr.String()) {
		t.Errorf("a taken address: %v", err)
	}
	for range 2 {
		if err := first.Stop(t.Context()); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}
