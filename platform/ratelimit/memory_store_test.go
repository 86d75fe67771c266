package ratelimit_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ulule/limiter/v3"

	"github.com/authy2/backend/platform/ratelimit"
)

// TestMemoryStoreIsCleaned counts ever new keys in short windows.
func TestMemoryStoreIsCleaned(t *testing.T) {
	t.Parallel()
	s := ratelimit.NewMemoryStore()
	rate := limiter.Rate{Limit: 1, Period: time.Nanosecond}
	for i := range int(10 * ratelimit.FewKeys) {
		if _, err := s.Get(t.Context(), fmt.Sprint(i), rate); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Keys(); n > ratelimit.FewKeys {
		t.Errorf("%d keys are held", n)
	}
}

// TestCleaningDropsNoCounter cleans without pause while callers count in windows that
// keep ending: no window may admit more than its limit.
func TestCleaningDropsNoCounter(t *testing.T) {
	t.Parallel()
	s := ratelimit.NewMemoryStore()
	rate := limiter.Rate{Limit: 5, Period: 20 * time.Millisecond}
	var passed sync.Map // end of the window to how many passed
	var wg sync.WaitGroup
	stop := time.Now().Add(500 * time.Millisecond)
	for range 8 {
		wg.Go(func() {
			for time.Now().Before(stop) {
				n, ends := s.Count("k", rate)
				if n <= rate.Limit {
					count, _ := passed.LoadOrStore(ends, new(atomic.Int64))
					count.(*atomic.Int64).Add(1)
				}
			}
		})
	}
	wg.Go(func() {
		for time.Now().Before(stop) {
			s.Clean()
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
