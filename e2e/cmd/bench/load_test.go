//go:build linux

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]struct{ done, ok bool }{
		"": {}, "HTTP/1.1 200 OK\r\n": {},
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n":                              {},
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":                            {true, true},
		"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nX: y\r\n\r\n":                 {true, true},
		"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}":                  {true, false},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n":          {false, true},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n": {true, true},
	} {
		done, ok, err := complete([]byte(answer))
		if err != nil || done != want.done || done && ok != want.ok {
			t.Errorf("%q: done %t, ok %t, %v; want %+v", answer, done, ok, err, want)
		}
	}
	if _, _, err := complete([]byte("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n")); err == nil {
		t.Error("a length that is no number passed")
	}
}

func TestLoadsCountWhatIsServed(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer bad" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(s.Close)
	addr := strings.TrimPrefix(s.URL, "http://")
	r, err := closedLoop(t.Context(), addr, [][]byte{getRequest(addr, "/", "good"), getRequest(addr, "/", "bad")}, 200*time.Millisecond)
	if err != nil || r.served == 0 || r.failed == 0 || len(r.latencies) != r.served+r.failed || r.elapsed < 200*time.Millisecond {
		t.Errorf("closed loop: served %d, failed %d in %s, %v", r.served, r.failed, r.elapsed, err)
	}
	r, err = openLoop(t.Context(), addr, 100, [][]byte{getRequest(addr, "/", "good")}, 300*time.Millisecond)
	if err != nil || r.served != 30 {
		t.Errorf("open loop: served %d of 30, %v", r.served, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	at, _, err := completions(ctx, addr, 3, http.StatusOK, func(int, int) []byte { return getRequest(addr, "/", "good") })
	if err != nil || len(at) < 3 {
		t.Errorf("completions: %d, %v", len(at), err)
	}
}

func TestRateCountsAfterTheFirstBatch(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_800_000_000, 0)
	var batches, single []time.Time
	for second := range 11 {
		single = append(single, begin.Add(time.Duration(second)*time.Second))
		for i := range 4 {
			batches = append(batches, begin.Add(time.Duration(second)*time.Second+time.Duration(i)*time.Millisecond))
		}
	}
	if got := rate(single); got != 1 {
		t.Errorf("one a second is a rate of %f", got)
	}
	if got := rate(batches); got < 3.99 || got > 4 {
		t.Errorf("four a second in batches is a rate of %f", got)
	}
	if rate(nil) != 0 || rate(single[:1]) != 0 {
		t.Error("one completion makes no rate")
	}
}
