package httpx_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
)

const (
	mediaCSV   = "text/csv"
	mediaLines = "application/x-ndjson"
)

// exporter is an API with an operation that streams.
type exporter struct {
	*fixture
	// write is the body of the stream.
	write func(ctx context.Context, w io.Writer) error
	// ended gets what write returned.
	ended chan error
}

func newExporter(t testing.TB, write func(ctx context.Context, w io.Writer) error, change ...func(*httpx.Settings, *httpx.Deps)) *exporter {
	t.Helper()
	e := &exporter{fixture: newFixture(t, change...), write: write, ended: make(chan error, 8)}
	op := httpx.Operation{
		ID: "export-things", Method: http.MethodGet, Path: "/api/v1/export", Access: httpx.Public, Tagged: true,
		Streams: []string{mediaCSV, mediaLines}, Summary: "Export things", Tag: "Things", ResultExample: httpx.Empty{},
		StreamExamples: map[string]string{mediaCSV: "id,name\r\n1,chair\r\n", mediaLines: "{\"id\":1}\n"},
	}
	wrong := op
	wrong.ID, wrong.Path = "export-wrong", "/api/v1/export/wrong"
	if err := e.api.Mount([]httpx.Endpoint{
		httpx.Op(op, func(ctx context.Context, _ *struct{}) (*httpx.Reply[httpx.Empty], error) {
			media := httpx.Accepted(ctx)
			r := &httpx.Reply[httpx.Empty]{ETag: `"` + media + `"`}
			if media != "" {
				r.Stream = &httpx.Stream{Media: media, Filename: "things \"1\".csv", Write: func(ctx context.Context, w io.Writer) error {
					if httpx.Accepted(ctx) != media {
						return errors.New("the stream does not know its request")
					}
					err := e.write(ctx, w)
					select {
					case e.ended <- err:
					default: // nobody looks
					}
					return err
				}}
			}
			return r, nil
		}),
		httpx.Op(wrong, func(context.Context, *struct{}) (*httpx.Reply[httpx.Empty], error) {
			return &httpx.Reply[httpx.Empty]{Stream: &httpx.Stream{Media: "text/html", Write: e.write}}, nil
		}),
	}, nil); err != nil {
		t.Fatal(err)
	}
	return e
}

func line(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, "a line\n")
	return err
}

// TestStreamByAccept: what the client prefers by RFC 9110 §12.5.1, and JSON when it does
// not say.
func TestStreamByAccept(t *testing.T) {
	t.Parallel()
	e := newExporter(t, line)
	for _, tc := range []struct {
		accept []string
		want   string
	}{
		{nil, ""},
		{[]string{""}, ""},
		{[]string{"*/*"}, ""},
		{[]string{"application/json"}, ""},
		{[]string{"application/*"}, ""},
		{[]string{"text/html"}, ""},
		{[]string{"application/problem+json"}, ""},
		{[]string{"text/csv"}, mediaCSV},
		{[]string{"TEXT/CSV"}, mediaCSV},
		{[]string{"text/*"}, mediaCSV},
		{[]string{"text/csv; charset=utf-8"}, mediaCSV},
		{[]string{"text/csv, */*"}, mediaCSV},
		{[]string{"*/*, text/csv"}, mediaCSV},
		{[]string{"text/csv, */*;q=0.8"}, mediaCSV},
		{[]string{"text/csv;q=0.5, */*;q=0.8"}, ""},
		{[]string{"application/json, text/csv"}, ""},
		{[]string{"text/csv, application/json"}, ""},
		{[]string{"text/csv, application/json;q=0.999"}, mediaCSV},
		{[]string{"text/csv;q=0.999, application/json"}, ""},
		{[]string{"text/csv;q=0"}, ""},
		{[]string{"text/csv;q=0, */*"}, ""},
		{[]string{"application/json;q=0, */*;q=0.1"}, mediaCSV},
		{[]string{"application/json;q=0, text/csv;q=0, */*"}, mediaLines},
		{[]string{"application/x-ndjson, text/csv;q=0.9"}, mediaLines},
		{[]string{"text/csv, application/x-ndjson"}, mediaCSV},
		{[]string{"application/x-ndjson;q=0.9", "text/csv;q=0.8"}, mediaLines},
		{[]string{"application/*;q=0.3, application/json;q=0.2"}, mediaLines},
		{[]string{"text/csv;q=.5, application/json;q=.4"}, mediaCSV},
		{[]string{"text/csv;Q=1.000"}, mediaCSV},
		{[]string{"text/csv;q=1.5"}, ""},
		{[]string{"text/csv;q=-1"}, ""},
		{[]string{"text/csv;q=NaN"}, ""},
		{[]string{"text/csv;q=1e-3"}, ""},
		{[]string{"text/csv;q="}, ""},
		{[]string{`text/csv;x="a,b;q=0";q=0.9, application/json;q=0.1`}, mediaCSV},
		{[]string{`text/html;x="\", text/csv"`}, ""},
		{[]string{",, text/csv ,;"}, mediaCSV},
		{[]string{"application/problem+json, text/csv;q=0.1"}, mediaCSV},
	} {
		header := make([]string, 0, 2*len(tc.accept))
		for _, a := range tc.accept {
			header = append(header, "Accept", a)
		}
		w := e.call("GET", "/api/v1/export", "", header...)
		want, body := tc.want, "a line\n"
		if want == "" {
			want, body = "application/json", w.Body.String()
		}
		if w.Code != 200 || w.Header().Get("Content-Type") != want || w.Body.String() != body {
			t.Errorf("Accept %q: %d %s %q, want %s", tc.accept, w.Code, w.Header().Get("Content-Type"), w.Body, want)
		}
		if vary := w.Header()["Vary"]; len(vary) != 2 || vary[1] != "Accept" {
			t.Errorf("Accept %q: Vary %q", tc.accept, vary)
		}
	}
	if w := e.call("GET", "/api/v1/things", ""); len(w.Header()["Vary"]) != 1 {
		t.Errorf("another operation: Vary %q", w.Header()["Vary"])
	}
}

// TestStreamHeaders: a stream is a file that is not stored, and has the headers of the
// other forms.
func TestStreamHeaders(t *testing.T) {
	t.Parallel()
	e := newExporter(t, line)
	get := e.call("GET", "/api/v1/export", "", "Accept", mediaCSV)
	for name, want := range map[string]string{
		"Content-Type": mediaCSV, "Content-Disposition": `attachment; filename="things \"1\".csv"`, "Cache-Control": "no-store",
		"Etag": `"text/csv"`, "X-Content-Type-Options": "nosniff", "Content-Length": "",
	} {
		if got := get.Header().Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if err := <-e.ended; err != nil {
		t.Error(err)
	}
	head := e.call("HEAD", "/api/v1/export", "", "Accept", mediaCSV)
	if fmt.Sprint(head.Header()) != fmt.Sprint(get.Header()) || head.Body.Len() != 0 || head.Code != 200 {
		t.Errorf("HEAD: %d %v %q\nGET: %v", head.Code, head.Header(), head.Body, get.Header())
	}
	same := e.call("GET", "/api/v1/export", "", "Accept", mediaCSV, "If-None-Match", `"text/csv"`)
	if same.Code != 304 || same.Body.Len() != 0 || same.Header().Get("Content-Disposition") != "" {
		t.Errorf("with its tag: %d %v", same.Code, same.Header())
	}
	if len(e.ended) != 0 {
		t.Error("HEAD or 304 made the stream")
	}
	if w := e.call("GET", "/api/v1/export/wrong", "", "Accept", mediaCSV); w.Code != 500 || errorType(t, w) != "INTERNAL_ERROR" {
		t.Errorf("a stream that was not declared: %d %s", w.Code, w.Body)
	}
	empty := newExporter(t, func(context.Context, io.Writer) error { return nil })
	if w := empty.call("GET", "/api/v1/export", "", "Accept", mediaCSV); w.Code != 200 || w.Body.Len() != 0 || w.Header().Get("Content-Type") != mediaCSV {
		t.Errorf("empty: %d %v", w.Code, w.Header())
	}
}

// TestStreamDocument: the other forms are in the document, with an example.
func TestStreamDocument(t *testing.T) {
	t.Parallel()
	e := newExporter(t, line)
	if err := e.api.Lint(); err != nil {
		t.Error(err)
	}
	raw, err := e.api.Document()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct {
				Content map[string]struct {
					Schema  map[string]any `json:"schema"`
					Example any            `json:"example"`
				} `json:"content"`
			} `json:"responses"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	content := doc.Paths["/api/v1/export"]["get"].Responses["200"].Content
	if c := content[mediaCSV]; len(content) != 3 || c.Schema["type"] != "string" || c.Example != "id,name\r\n1,chair\r\n" {
		t.Errorf("%+v", content)
	}
}

// TestStreamError: before the first byte an error is answered like any other, and after
// it the connection is cut; the log has a line for either.
func TestStreamError(t *testing.T) {
	t.Parallel()
	pad := strings.Repeat("x", 100<<10)
	for name, tc := range map[string]struct {
		before string
		err    error
		accept string
		status int
		media  string
		cut    bool
	}{
		"at once":         {"", apperr.ErrUnavailable.WithRetryAfter(time.Second), mediaCSV, 503, "application/json", false},
		"nothing sent":    {"a few bytes", errors.New("disk on fire"), mediaCSV, 500, "application/json", false},
		"problem details": {"", apperr.ErrConflict, "text/csv, application/problem+json", 409, "application/problem+json", false},
		"in the middle":   {pad, errors.New("disk on fire"), mediaCSV, 200, mediaCSV, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExporter(t, func(_ context.Context, w io.Writer) error {
				if _, err := io.WriteString(w, tc.before); err != nil {
					return err
				}
				return tc.err
			})
			address, stop := serve(t, e.fixture)
			res := get(t, "http://"+address+"/api/v1/export", tc.accept)
			body, err := io.ReadAll(res.Body)
			if res.StatusCode != tc.status || res.Header.Get("Content-Type") != tc.media || (err != nil) != tc.cut {
				t.Errorf("%d %v, reading it: %v", res.StatusCode, res.Header, err)
			}
			if !tc.cut && (res.Header.Get("Content-Disposition") != "" || strings.Contains(string(body), tc.before) && tc.before != "") {
				t.Errorf("an error with parts of the stream: %v %s", res.Header, body)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			access := e.lines(t, "request")
			if len(access) != 1 || access[0]["status"] != float64(tc.status) || (access[0]["cut"] == true) != tc.cut {
				t.Errorf("access lines: %v", access)
			}
			if cuts := e.lines(t, "a stream was cut"); (len(cuts) == 1) != tc.cut || tc.cut && (cuts[0]["level"] != "ERROR" || cuts[0]["error"] != "disk on fire") {
				t.Errorf("lines: %v", cuts)
			}
			if len(e.lines(t, "panic")) != 0 {
				t.Errorf("a cut is taken for a panic:\n%s", e.logs)
			}
		})
	}
}

func get(t *testing.T, url, accept string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", accept)
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// TestStreamInConstantMemory streams 200 MB. It is not parallel: it measures the heap.
func TestStreamInConstantMemory(t *testing.T) { //nolint:paralleltest // see above
	const total = 200 << 20
	row := []byte(strings.Repeat("0123456789", 100) + "\n")
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	var most uint64
	e := newExporter(t, func(_ context.Context, w io.Writer) error {
		for sent := 0; sent < total; sent += len(row) {
			if _, err := w.Write(row); err != nil {
				return err
			}
			if sent%(20<<20) < len(row) {
				most = max(most, heap())
			}
		}
		return nil
	})
	address, stop := serve(t, e.fixture)
	res := get(t, "http://"+address+"/api/v1/export", mediaCSV)
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || n < total {
		t.Errorf("%d bytes, %v", n, err)
	}
	if len(res.TransferEncoding) != 1 || res.TransferEncoding[0] != "chunked" {
		t.Errorf("transfer encoding %v", res.TransferEncoding)
	}
	if grown := int64(most) - int64(before); grown > 4<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestStreamOutlivesTheServersDeadlines: a long stream is cut by none of them, and the
// connection can be used for the next request.
func TestStreamOutlivesTheServersDeadlines(t *testing.T) {
	t.Parallel()
	const steps = 10
	e := newExporter(t, func(ctx context.Context, w io.Writer) error {
		tick := time.NewTicker(40 * time.Millisecond)
		defer tick.Stop()
		for range steps {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return err
			}
		}
		return nil
	})
	server := httptest.NewUnstartedServer(e.api.Handler())
	server.Config.ReadTimeout, server.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	server.Start()
	defer server.Close()
	for range 2 {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/export", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", mediaCSV)
		res, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if err != nil || n != steps*32<<10 {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
}

// endless writes until it is told that nobody reads.
func endless(ctx context.Context, w io.Writer) error {
	piece := make([]byte, 8<<10)
	for {
		if _, err := w.Write(piece); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

// open asks for the stream on a connection of its own, with small buffers.
func open(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	tcp := conn.(*net.TCPConn)
	_ = tcp.SetReadBuffer(8 << 10)
	if _, err := io.WriteString(conn, "GET /api/v1/export HTTP/1.1\r\nHost: a\r\nAccept: text/csv\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return tcp
}

// TestStreamToNobody: a client that stops reading is cut after a while, and one that left
// ends the stream at once.
func TestStreamToNobody(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stall time.Duration
		leave bool
		cause error
		said  int
	}{
		"it stalls": {300 * time.Millisecond, false, os.ErrDeadlineExceeded, 1},
		"it leaves": {time.Minute, true, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExporter(t, endless, func(s *httpx.Settings, _ *httpx.Deps) { s.StallTimeout = tc.stall })
			address, stop := serve(t, e.fixture)
			conn := open(t, address)
			defer func() { _ = conn.Close() }()
			if line, err := bufio.NewReaderSize(conn, 16).ReadString('\n'); err != nil || line != "HTTP/1.1 200 OK\r\n" {
				t.Fatalf("%q, %v", line, err)
			}
			if tc.leave {
				_ = conn.Close()
			}
			select {
			case err := <-e.ended:
				if err == nil || tc.cause != nil && !errors.Is(err, tc.cause) {
					t.Errorf("the stream ended with %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the stream goes on")
			}
			platformtest.Eventually(t, 5*time.Second, "the access line", func() bool { return len(e.lines(t, "request")) == 1 })
			if l := e.lines(t, "request")[0]; l["cut"] != true || l["status"] != 200.0 {
				t.Errorf("access line: %v", l)
			}
			if cuts := e.lines(t, "a stream was cut"); len(cuts) != tc.said || tc.said > 0 && cuts[0]["level"] != "INFO" {
				t.Errorf("lines: %v", cuts)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestStreamToSlowReader: one that reads slowly, but reads, gets everything.
func TestStreamToSlowReader(t *testing.T) {
	t.Parallel()
	const total = 32 << 20
	e := newExporter(t, func(_ context.Context, w io.Writer) error {
		_, err := w.Write(make([]byte, total))
		return err
	}, func(s *httpx.Settings, _ *httpx.Deps) { s.StallTimeout = 400 * time.Millisecond })
	address, stop := serve(t, e.fixture)
	res := get(t, "http://"+address+"/api/v1/export", mediaCSV)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	read := 0
	for piece := make([]byte, 1<<20); ; <-tick.C {
		n, err := io.ReadFull(res.Body, piece)
		if read += n; err != nil {
			break
		}
	}
	if read != total {
		t.Errorf("%d bytes, want %d\n%s", read, total, e.logs)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestStreamIsFlushed: what is written reaches the client while more is made.
func TestStreamIsFlushed(t *testing.T) {
	t.Parallel()
	got := make(chan struct{})
	e := newExporter(t, func(ctx context.Context, w io.Writer) error {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			if err := line(ctx, w); err != nil {
				return err
			}
			select {
			case <-got:
				return nil
			case <-tick.C:
			}
		}
	})
	address, stop := serve(t, e.fixture)
	res := get(t, "http://"+address+"/api/v1/export", mediaCSV)
	if _, err := io.ReadFull(res.Body, make([]byte, 7)); err != nil {
		t.Error(err)
	}
	close(got)
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestStreamWithoutAClient: who left before the first byte is answered nothing.
func TestStreamWithoutAClient(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	var calls atomic.Int32
	e := newExporter(t, func(_ context.Context, w io.Writer) error {
		calls.Add(1)
		cancel()
		_, err := w.Write(make([]byte, 64<<10))
		return err
	})
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/api/v1/export", nil).WithContext(ctx)
	r.Header.Set("Accept", mediaCSV)
	e.api.Handler().ServeHTTP(w, r)
	if w.Code != 499 || calls.Load() != 1 || len(e.lines(t, "request failed")) != 0 {
		t.Errorf("%d\n%s", w.Code, e.logs)
	}
}
