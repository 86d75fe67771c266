package lanes_test

import (
	"fmt"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/authy2/backend/platform/crypto/lanes"
)

// BenchmarkHash compares one hash at a time by the oracle with batches of one to four.
func BenchmarkHash(b *testing.B) {
	e := lanes.New()
	for _, cost := range []int{10, 12} {
		hash := fmt.Appendf(nil, "$2a$%02d$%s", cost, "authy2.nobody.has.thisauthy2.nobody.has.this.password")
		b.Run(fmt.Sprintf("cost=%d/oracle", cost), func(b *testing.B) {
			for b.Loop() {
				_ = bcrypt.CompareHashAndPassword(hash, []byte("UserPass123!"))
			}
			perHash(b, 1)
		})
		for n := 1; n <= lanes.Width; n++ {
			b.Run(fmt.Sprintf("cost=%d/lanes=%d", cost, n), func(b *testing.B) {
				salts, passwords := make([]lanes.Salt, n), make([][]byte, n)
				for i := range n {
					salts[i], passwords[i] = lanes.Salt{byte(i)}, []byte("UserPass123!")
				}
				for b.Loop() {
					if _, err := e.Sum(cost, salts, passwords); err != nil {
						b.Fatal(err)
					}
				}
				perHash(b, n)
			})
		}
	}
}

func perHash(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N*n), "ms/hash")
}

// BenchmarkNew is what a process pays once.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		lanes.New()
	}
}
