package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/contract"
	"github.com/authy2/backend/e2e/harness"
)

// No input answers with a 5xx: every operation of the document gets right inputs and
// mutations of them, and every answer is held against the envelope and the document.
// FUZZ_SEED repeats a run.
func TestNoInputGivesA5xx(t *testing.T) {
	t.Parallel()
	seed := uint64(20261124)
	if given, err := strconv.ParseUint(os.Getenv("FUZZ_SEED"), 10, 64); err == nil {
		seed = given
	}
	options := harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		document := sys.First().Document(t)
		if len(document.Operations) < 10 {
			t.Fatalf("the document has %d operations only", len(document.Operations))
		}
		for _, o := range document.Operations {
			t.Run(o.ID, func(t *testing.T) {
				t.Parallel()
				f := &fuzzer{t: t, s: sys.First(), sys: sys, doc: document, op: o, r: rand.New(rand.NewPCG(seed, uint64(len(o.ID))))}
				f.run()
			})
		}
	})
}

type fuzzer struct {
	t   *testing.T
	s   *harness.Server
	sys *harness.System
	doc *contract.Document
	op  *contract.Operation
	r   *rand.Rand

	user  harness.User
	calls int
}

// draft is a request on its way to become a call.
type draft struct {
	path   map[string]string
	query  string
	body   map[string]json.RawMessage
	raw    *string
	header map[string]string
}

func (f *fuzzer) run() {
	f.renew()
	f.send(f.valid())
	for _, p := range f.op.Parameters {
		f.parameter(p)
	}
	f.queries()
	f.headers()
	if f.op.Body == nil {
		// A body where none belongs.
		for _, raw := range []string{`{}`, `null`, `[`, "\x00"} {
			d := f.valid()
			d.raw = &raw
			f.send(d)
		}
		return
	}
	for _, whole := range contract.Documents() {
		d := f.valid()
		raw := string(whole)
		d.raw = &raw
		f.send(d)
	}
	f.members()
	f.mixes(150)
}

// renew gives the fuzzer a user with a session, since what it calls may end both.
func (f *fuzzer) renew() {
	if f.op.Public && !f.op.Knows {
		return
	}
	f.user = f.s.Register(f.t)
}

func (f *fuzzer) valid() *draft {
	d := &draft{path: map[string]string{}, header: map[string]string{}, body: map[string]json.RawMessage{}}
	for _, p := range f.op.Parameters {
		if p.In == "path" {
			d.path[p.Name] = fmt.Sprint(f.doc.Valid(f.r, p.Schema, 0))
		}
	}
	if f.op.Body == nil {
		return d
	}
	value := f.op.Example
	if value == nil || f.r.IntN(2) == 0 {
		value = f.doc.Valid(f.r, f.op.Body, 0)
	}
	object, ok := value.(map[string]any)
	if !ok {
		f.t.Fatalf("the body's schema makes no object: %v", value)
	}
	for name, v := range object {
		raw, err := json.Marshal(v)
		if err != nil {
			f.t.Fatal(err)
		}
		d.body[name] = raw
	}
	if _, ok := d.body["current_password"]; ok && f.r.IntN(2) == 0 {
		d.body["current_password"] = json.RawMessage(strconv.Quote(f.user.Password))
	}
	return d
}

func (f *fuzzer) send(d *draft) {
	f.t.Helper()
	path := f.op.Path
	for name, value := range d.path {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	if d.query != "" {
		path += "?" + d.query
	}
	call := harness.Call{Method: f.op.Method, Path: path, Header: d.header}
	if f.user.Token != "" && d.header["Authorization"] == "" && (!f.op.Public || f.r.IntN(2) == 0) {
		call.Token = f.user.Token
	}
	switch {
	case d.raw != nil:
		call.Raw = []byte(*d.raw)
	case f.op.Body != nil:
		call.Raw = encode(d.body)
	}
	a, err := f.s.Try(f.t.Context(), call)
	if err != nil {
		if strings.Contains(err.Error(), "invalid header") || strings.Contains(err.Error(), "net/url") || strings.Contains(err.Error(), "parse ") {
			return // no client can say that
		}
		f.t.Fatalf("%s %s %.200q: %v\n%s", call.Method, path, call.Raw, err, f.s.Log.Tail(10))
	}
	f.calls++
	complaints := harness.Complaints(a)
	if served := f.doc.Find(f.op.Method, path); served != nil {
		if err := served.Check(a.Status, a.Header.Get("Content-Type"), a.Body); err != nil {
			complaints = append(complaints, err.Error())
		}
	}
	// What Go's HTTP parser itself refuses needs no envelope.
	parser := a.Status == http.StatusBadRequest && strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") ||
		a.Status == http.StatusRequestHeaderFieldsTooLarge || a.Status == http.StatusExpectationFailed
	if len(complaints) > 0 && !parser {
		f.t.Errorf("%s %.300s %v %.300q: %d %.600s\n%s", call.Method, path, call.Header, call.Raw, a.Status, a.Body, strings.Join(complaints, "\n"))
	}
	if call.Token == "" {
		return
	}
	// Users whose past grows with every call make the answers about it grow as well.
	ended := a.Status == http.StatusUnauthorized || f.calls%100 == 0
	if !ended && a.Status < 300 && f.op.Method != http.MethodGet {
		me, err := f.s.Try(f.t.Context(), harness.Me(f.user.Token))
		ended = err != nil || me.Status != http.StatusOK
	}
	if ended {
		f.renew()
	}
}

// encode writes members in order, each with whatever text it holds.
func encode(body map[string]json.RawMessage) []byte {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(body)) {
		key, err := json.Marshal(name)
		if err != nil {
			key = []byte(`"x"`)
		}
		parts = append(parts, string(key)+":"+string(body[name]))
	}
	return []byte("{" + strings.Join(parts, ",") + "}")
}

// members puts every nasty value into every member, drops, renames and repeats it.
func (f *fuzzer) members() {
	names := slices.Sorted(maps.Keys(f.valid().body))
	for _, name := range names {
		for _, nasty := range contract.Nasty() {
			d := f.valid()
			d.body[name] = json.RawMessage(nasty)
			f.send(d)
		}
		d := f.valid()
		delete(d.body, name)
		f.send(d)
		for _, other := range contract.Names(name) {
			d := f.valid()
			d.body[other] = d.body[name]
			f.send(d)
		}
		d = f.valid()
		twice := strings.TrimSuffix(string(encode(d.body)), "}") + "," + strconv.Quote(name) + `:"again"}`
		d.raw = &twice
		f.send(d)
	}
}

// mixes puts several wrongs together.
func (f *fuzzer) mixes(n int) {
	nasty := contract.Nasty()
	for range n {
		d := f.valid()
		for name := range d.body {
			switch f.r.IntN(5) {
			case 0:
				delete(d.body, name)
			case 1, 2:
				d.body[name] = json.RawMessage(nasty[f.r.IntN(len(nasty))])
			}
		}
		if f.r.IntN(4) == 0 {
			raw := encode(d.body)
			for range 1 + f.r.IntN(4) {
				raw[f.r.IntN(len(raw))] = byte(f.r.IntN(256))
			}
			text := string(raw)
			d.raw = &text
		}
		f.send(d)
	}
}

var pathValues = []string{
	"x", "0", "-1", "%00", "a%00b", "%0d%0a", "%20", "%2F", "%2e%2e", "%F0%28%8C%BC", "%C0%80", "%ff", "😀", "%25", "%3F", "'", "%22", "%5C", "{id}", "*", "null",
	"018f3c6e-7b5a-7c3d-9e2f-0123456789ab", "018F3C6E-7B5A-7C3D-9E2F-0123456789AB", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
	"018f3c6e7b5a7c3d9e2f0123456789ab", "%7B018f3c6e-7b5a-7c3d-9e2f-0123456789ab%7D", "9223372036854775808", strings.Repeat("a", 5000), ";", "a;b", "a:b", "@", "~", "$1", "1e400",
}

var queryValues = append([]string{
	"", "abc", "1", "2", "0", "100", "101", "1.5", "1e3", "1e400", "99999999999999999999", "true", "false", "TRUE", "yes", "0x1", "+1", "e30", "bnVsbA", "eyJhIjoxfQ", "AAAA", "====", "2026-01-02T03:04:05Z",
}, pathValues...)

func (f *fuzzer) parameter(p contract.Parameter) {
	switch p.In {
	case "path":
		for _, v := range pathValues {
			d := f.valid()
			d.path[p.Name] = v
			f.send(d)
		}
	case "query":
		for _, v := range queryValues {
			d := f.valid()
			d.query = p.Name + "=" + strings.ReplaceAll(v, " ", "+")
			f.send(d)
		}
		for _, q := range []string{p.Name, p.Name + "=1&" + p.Name + "=2", strings.ToUpper(p.Name) + "=1", p.Name + "[]=1", p.Name + "[a]=1", p.Name + "%00=1", "%" + p.Name, p.Name + "=1;x=2"} {
			d := f.valid()
			d.query = q
			f.send(d)
		}
	case "header":
		for _, v := range queryValues {
			d := f.valid()
			d.header[p.Name] = v
			f.send(d)
		}
	}
}

func (f *fuzzer) queries() {
	for _, q := range []string{"x=1", "=", "&", "&&=", "%", "%zz", "a=%zz", "a=b=c", "?", "%00=%00", "x=" + strings.Repeat("y", 8000), strings.Repeat("a=1&", 2000), "x=" + url.QueryEscape("\xff"), ";"} {
		d := f.valid()
		d.query = q
		f.send(d)
	}
}

func (f *fuzzer) headers() {
	values := []string{
		"", " ", "x", "*", ",", ",,,", `"`, `"x"`, `W/"x"`, `"x", "y"`, "null", "0", "-1", "é", "\x80\xff", "a\tb", "%00", strings.Repeat("x", 300), strings.Repeat("x,", 4000),
		"Bearer", "Bearer ", "Bearer x", "Bearer \xff", "Bearer x y", "Basic x", "Basic YTpi", "bearer " + strings.Repeat("A", 43), "Negotiate x",
		"application/json", "application/problem+json", "text/html", "application/json;charset=utf-16", "application/json;;", "application/json; charset", "multipart/form-data",
		"gzip", "identity", "br, gzip", "bytes=0-1", "bytes=-1", "100-continue", "Wed, 21 Oct 2015 07:28:00 GMT", "1.2.3.4", "::1", "for=\"[::1]\"", "https://evil.example", "http://[", "same-origin", "cross-site",
		"authy2_session=x", "authy2_session=" + strings.Repeat("A", 43), "authy2_session", "=;=;", "authy2_session=\"x\"; authy2_session=y", "websocket", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-x", "ff-", "GET", "DELETE",
	}
	for _, media := range f.op.Streams {
		values = append(values, media, media+", */*", media+";q=0.5, application/json;q=0.4", media+`;x="a,b";q=0.1, application/problem+json`)
	}
	for _, name := range []string{
		"Authorization", "Cookie", "Accept", "Accept-Language", "Accept-Encoding", "Content-Type", "Content-Encoding", "If-Match", "If-None-Match", "If-Modified-Since", "If-Range", "Range",
		"Idempotency-Key", "X-Request-ID", "Traceparent", "Tracestate", "Origin", "Sec-Fetch-Site", "Referer", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "User-Agent", "Upgrade", "Expect", "X-HTTP-Method-Override", "Access-Control-Request-Method",
	} {
		for _, v := range values {
			// Headers meet the same code on every backend.
			if f.sys.Kind != harness.Embedded && f.r.IntN(4) != 0 {
				continue
			}
			d := f.valid()
			d.header[name] = v
			f.send(d)
		}
	}
}
