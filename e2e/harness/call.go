package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

// Call is one request. The zero value is GET / without a body.
type Call struct {
	// Method is GET when empty; POST when empty and there is a body.
	Method string
	// Path is the path with its query.
	Path string
	// Body is sent as JSON. Raw is sent as it is, and wins.
	Body any
	Raw  []byte
	// ContentType replaces application/json; "-" sends none.
	ContentType string
	// Token is sent as bearer token.
	Token string
	// Header is added; a header given here wins. Host is what the request says it is for.
	Header map[string]string
	// Unavailable allows a 503.
	Unavailable bool
	// Undocumented does not hold the answer against the OpenAPI document: for calls
	// that are made while the document cannot be read.
	Undocumented bool
}

// Answer is what came back.
type Answer struct {
	Call   Call
	Status int
	Header http.Header
	Body   []byte
	// Took is how long it took until the whole body was there.
	Took time.Duration
	// Envelope is the decoded body; nil when the body is no JSON object.
	Envelope map[string]any
}

// Try sends the request and judges nothing.
func (s *Server) Try(ctx context.Context, c Call) (*Answer, error) {
	req, err := s.request(ctx, c)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Method, c.Path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: read the answer: %w", req.Method, c.Path, err)
	}
	c.Method = req.Method
	a := &Answer{Call: c, Status: resp.StatusCode, Header: resp.Header, Body: body, Took: time.Since(begin)}
	var object map[string]any
	if json.Unmarshal(body, &object) == nil {
		a.Envelope = object
	}
	return a, nil
}

func (s *Server) request(ctx context.Context, c Call) (*http.Request, error) {
	raw := c.Raw
	if raw == nil && c.Body != nil {
		var err error
		if raw, err = json.Marshal(c.Body); err != nil {
			return nil, fmt.Errorf("%s: encode the body: %w", c.Path, err)
		}
	}
	method := c.Method
	if method == "" {
		method = http.MethodGet
		if raw != nil {
			method = http.MethodPost
		}
	}
	var body io.Reader
	if raw != nil {
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+c.Path, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, c.Path, err)
	}
	switch {
	case c.ContentType == "-":
	case c.ContentType != "":
		req.Header.Set("Content-Type", c.ContentType)
	case raw != nil:
		req.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	for k, v := range c.Header {
		req.Header.Set(k, v)
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host // the header alone is not sent
	}
	return req, nil
}

// Do sends the request and checks what holds for every answer.
func (s *Server) Do(t testing.TB, c Call) *Answer {
	t.Helper()
	a, err := s.Try(t.Context(), c)
	if err != nil {
		t.Fatalf("%v\n%s", err, s.Log.Tail(10))
	}
	if token := a.Text("data", "token"); token != "" {
		s.sys.secrets.add(token)
	}
	complaints := Complaints(a)
	if err := s.documented(t, a); err != nil {
		complaints = append(complaints, err.Error())
	}
	for _, complaint := range complaints {
		t.Errorf("%s %s: %s\n%d %s", a.Call.Method, c.Path, complaint, a.Status, clip(a.Body))
	}
	return a
}

// Want fails the test when the status is another.
func (a *Answer) Want(t testing.TB, status int) *Answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("%s %s: status %d, want %d: %s", a.Call.Method, a.Call.Path, a.Status, status, clip(a.Body))
	}
	return a
}

// WantError fails the test when the answer is not that error.
func (a *Answer) WantError(t testing.TB, status int, kind string) *Answer {
	t.Helper()
	a.Want(t, status)
	if got := a.Text("error", "type"); got != kind {
		t.Fatalf("%s %s: error type %q, want %q: %s", a.Call.Method, a.Call.Path, got, kind, clip(a.Body))
	}
	return a
}

// Value walks the body by member names; nil when one is missing.
func (a *Answer) Value(path ...string) any {
	var v any = a.Envelope
	for _, name := range path {
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

// Text is Value for strings; empty when it is none.
func (a *Answer) Text(path ...string) string {
	s, ok := a.Value(path...).(string)
	if !ok {
		return ""
	}
	return s
}

// Time is Text for RFC 3339 times; it fails the test when it is none in UTC.
func (a *Answer) Time(t testing.TB, path ...string) time.Time {
	t.Helper()
	text := a.Text(path...)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || text[len(text)-1] != 'Z' {
		t.Fatalf("%s %s: %v is no RFC 3339 time in UTC: %q", a.Call.Method, a.Call.Path, path, text)
	}
	return at
}

// List is Value for lists of objects.
func (a *Answer) List(t testing.TB, path ...string) []map[string]any {
	t.Helper()
	raw, ok := a.Value(path...).([]any)
	if !ok {
		t.Fatalf("%s %s: %v is no list: %s", a.Call.Method, a.Call.Path, path, clip(a.Body))
	}
	out := make([]map[string]any, len(raw))
	for i, item := range raw {
		if out[i], ok = item.(map[string]any); !ok {
			t.Fatalf("%s %s: %v[%d] is no object: %s", a.Call.Method, a.Call.Path, path, i, clip(a.Body))
		}
	}
	return out
}

func clip(b []byte) string {
	const most = 600
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
