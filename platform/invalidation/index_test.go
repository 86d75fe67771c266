package invalidation_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/authy2/backend/platform/invalidation"
)

// TestSheddingHidesNothing asks for an entry all the while that others displace it.
func TestSheddingHidesNothing(t *testing.T) {
	t.Parallel()
	names := make([]string, 2000)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	for range 300 {
		x := invalidation.NewIndex(2)
		for i, name := range names[:64] {
			x.Add(name, invalidation.Position(i+1))
		}
		var wg sync.WaitGroup
		stop := make(chan struct{})
		wg.Go(func() {
			defer close(stop)
			for i, name := range names[64:] {
				x.Add(name, invalidation.Position(i+65))
			}
		})
		for first := range 2 {
			wg.Go(func() {
				for {
					for i, name := range names[:64] {
						if i%2 == first && !x.Stale(name, invalidation.Position(i+1)) {
							t.Errorf("the entry of %s was not found", name)
							return
						}
					}
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
	}
}
