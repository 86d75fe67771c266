package audit_test

import (
	"testing"
	"time"

	"github.com/authy2/backend/platform/platformtest"
)

// BenchmarkSeal measures a seal of as many rows as there are at most under one.
func BenchmarkSeal(b *testing.B) {
	for name, backend := range map[string]func() platformtest.Backend{
		"sqlite":   func() platformtest.Backend { return platformtest.SQLite(b, lines()...) },
		"postgres": func() platformtest.Backend { return platformtest.Postgres(b, lines()...) },
	} {
		b.Run(name, func(b *testing.B) {
			v := newVault(b, backend())
			rows := map[string]int{"sqlite": 150, "postgres": 500}[name]
			v.seal(b, 0)
			for b.Loop() {
				b.StopTimer()
				v.publish(b, deeds(rows-1)...)
				v.Clock.Advance(time.Minute)
				b.StartTimer()
				v.seal(b, rows-1)
			}
			v.verify(b)
		})
	}
}
