package sessions_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/platformtest"
)

// Rule 1: a session takes at most 700 bytes of Redis, its key and everything included.
func TestRule1SessionIsSmallInRedis(t *testing.T) {
	t.Parallel()
	b := platformtest.Postgres(t, lines()...)
	r := newReplica(t, b)
	s := r.signIn(t, bob)
	key := r.KeyOf(s.Token.Reveal())
	var used int64
	for _, k := range b.Redis.Keys(t.Context(), "*"+key).Val() {
		used += b.Redis.MemoryUsage(t.Context(), k).Val()
	}
	if used == 0 || used > 700 {
		t.Fatalf("a session takes %d bytes of Redis, want at most 700", used)
	}
}

// BenchmarkAuthenticate is the hot path: one session in use.
func BenchmarkAuthenticate(b *testing.B) {
	for name, open := range map[string]func(testing.TB) platformtest.Backend{
		"redis":    func(t testing.TB) platformtest.Backend { return platformtest.Postgres(t, lines()...) },
		"embedded": func(t testing.TB) platformtest.Backend { return platformtest.SQLite(t, lines()...) },
	} {
		b.Run(name, func(b *testing.B) {
			r := newReplica(b, open(b))
			token := r.signIn(b, bob).Token.Reveal()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Authenticate(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAuthenticateParallel is the hot path under load.
func BenchmarkAuthenticateParallel(b *testing.B) {
	r := newReplica(b, platformtest.Postgres(b, lines()...))
	tokens := make([]string, 1000)
	for i := range tokens {
		tokens[i] = r.signIn(b, bob).Token.Reveal()
	}
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := r.Authenticate(b.Context(), tokens[i%len(tokens)]); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkSignIn is everything of a log-in but the password.
func BenchmarkSignIn(b *testing.B) {
	for name, open := range map[string]func(testing.TB) platformtest.Backend{
		"redis":    func(t testing.TB) platformtest.Backend { return platformtest.Postgres(t, lines()...) },
		"embedded": func(t testing.TB) platformtest.Backend { return platformtest.SQLite(t, lines()...) },
	} {
		b.Run(name, func(b *testing.B) {
			r := newReplica(b, open(b))
			b.ReportAllocs()
			for b.Loop() {
				r.signIn(b, bob)
			}
		})
	}
}

// BenchmarkFlush writes the activity of ten thousand sessions back.
func BenchmarkFlush(b *testing.B) {
	for name, open := range map[string]func(testing.TB) platformtest.Backend{
		"postgres": func(t testing.TB) platformtest.Backend { return platformtest.Postgres(t, lines()...) },
		"sqlite":   func(t testing.TB) platformtest.Backend { return platformtest.SQLite(t, lines()...) },
	} {
		b.Run(name, func(b *testing.B) {
			r := newReplica(b, open(b))
			const n = 10000
			tokens := make([]string, n)
			for i := range tokens {
				tokens[i] = r.signIn(b, bob).Token.Reveal()
			}
			for b.Loop() {
				b.StopTimer()
				r.clock.Advance(1e9)
				for _, token := range tokens {
					if _, err := r.Authenticate(b.Context(), token); err != nil {
						b.Fatal(err)
					}
				}
				b.StartTimer()
				r.flush(b)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/session")
		})
	}
}

// BenchmarkMemory is what a live session takes in the embedded default.
func BenchmarkMemory(b *testing.B) {
	r := newReplica(b, platformtest.SQLite(b, lines()...))
	const n = 20000
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	for range n {
		s := r.signIn(b, bob)
		r.accepts(b, s)
	}
	after := heap()
	for b.Loop() {
	}
	b.ReportMetric(float64(after-before)/n, "B/session")
	if c, ok := r.cache.(*cache.MemorySliding); !ok || c.Len() < n {
		b.Fatal(fmt.Sprint("the cache holds ", ok))
	}
}
