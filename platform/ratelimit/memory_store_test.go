package ratelimit

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ulule/limiter/v3"
)

// TestMemoryStoreIsCleaned counts ever new keys in short windows.
func TestMemoryStoreIsCleaned(t *testing.T) {
	t.Parallel()
	s := newMemoryStore()
	rate := limiter.Rate{Limit: 1, Period: time.Nanosecond}
	for i := range 10 * fewKeys {
		if _, err := s.Get(context.Background(), fmt.Sprint(i), rate); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.keys.Load(); n > fewKeys {
		t.Errorf("%d keys are held", n)
	}
}

// TestCleaningDropsNoCounter cleans without pause while callers count in windows that
// keep ending: no window may admit more than its limit.
func TestCleaningDropsNoCounter(t *testing.T) {
	t.Parallel()
	s := newMemoryStore()
	rate := limiter.Rate{Limit: 5, Period: 20 * time.Millisecond}
	var passed sync.Map // end of the window to how many passed
	var wg sync.WaitGroup
	stop := time.Now().Add(500 * time.Millisecond)
	for range 8 {
		wg.Go(func() {
			for time.Now().Before(stop) {
				s.mu.RLock()
				n, ends := s.cache.Increment("k", 1, rate.Period)
				s.mu.RUnlock()
				if n <= rate.Limit {
					count, _ := passed.LoadOrStore(ends, new(atomic.Int64))
					count.(*atomic.Int64).Add(1)
				}
			}
		})
	}
	wg.Go(func() {
		for time.Now().Before(stop) {
			s.keys.Store(s.cleanAt.Load())
			s.clean()
		}
	})
	wg.Wait()
	passed.Range(func(ends, count any) bool {
		if n := count.(*atomic.Int64).Load(); n > rate.Limit {
			t.Errorf("%d passed in the window until %s", n, ends)
		}
		return true
	})
}
