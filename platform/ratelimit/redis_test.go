package ratelimit_test

import (
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/secret"
)

// open returns a client of its own, as another process would have. It is patient: a busy
// machine is no outage.
func open(tb testing.TB, url string) redis.UniversalClient {
	tb.Helper()
	return openWith(tb, url, 10*time.Second)
}

// openWith returns a client with the given patience; 0 is that of production.
func openWith(tb testing.TB, url string, patience time.Duration) redis.UniversalClient {
	tb.Helper()
	c, err := cache.OpenRedis(cache.Settings{URL: secret.New(url), Patience: patience})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

// together runs f n times at one instant and waits.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}
