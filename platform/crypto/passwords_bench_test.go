package crypto_test

import (
	"context"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/authy2/backend/platform/secret"
)

// BenchmarkPool prints how many passwords sixteen callers get checked and hashed a second by
// a pool of the usual number of workers, and as many goroutines that call
// golang.org/x/crypto/bcrypt in a loop. Both take turns, so that noise meets them alike.
func BenchmarkPool(b *testing.B) {
	const cost, callers, each = 10, 16, 4
	workers := max(1, runtime.GOMAXPROCS(0)-1)
	p := pool(b, cost, workers)
	eventually(b, "the engine is used", p.Lanes)
	own := hash(b, p, "one password")
	verify := func() {
		ok, _, err := p.Verify(context.Background(), own, secret.New("one password"))
		if !ok || err != nil {
			b.Errorf("Verify = %v, %v", ok, err)
		}
	}
	for name, work := range map[string]struct{ pool, oracle func() }{
		"verify": {verify, func() { _ = bcrypt.CompareHashAndPassword([]byte(own), []byte("one password")) }},
		"hash": {
			func() { _, _ = p.Hash(context.Background(), secret.New("one password")) },
			func() { _, _ = bcrypt.GenerateFromPassword([]byte("one password"), cost) },
		},
	} {
		b.Run(name, func(b *testing.B) {
			var pooled, looped time.Duration
			for b.Loop() {
				pooled += together(callers, callers*each, work.pool)
				looped += together(workers, callers*each, work.oracle)
			}
			done := float64(b.N * callers * each)
			b.ReportMetric(done/pooled.Seconds(), "pool/s")
			b.ReportMetric(done/looped.Seconds(), "x/crypto/s")
			b.ReportMetric(looped.Seconds()/pooled.Seconds(), "ratio")
		})
	}
}

// together returns how long that many goroutines take for n pieces of work.
func together(goroutines, n int, work func()) time.Duration {
	var left atomic.Int64
	left.Store(int64(n))
	begun := time.Now()
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				work()
			}
		})
	}
	all.Wait()
	return time.Since(begun)
}

// BenchmarkStart is how long a process waits for the pool, and how long the engine then takes.
func BenchmarkStart(b *testing.B) {
	var ready time.Duration
	for b.Loop() {
		p, _ := start(b, 10, nil, io.Discard)
		begun := time.Now()
		eventually(b, "the engine is used", p.Lanes)
		ready += time.Since(begun)
		if err := p.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}
	b.ReportMetric(float64(ready.Milliseconds())/float64(b.N), "ms-to-lanes")
}
