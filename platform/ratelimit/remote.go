package ratelimit

import (
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
	"github.com/ulule/limiter/v3"
	store "github.com/ulule/limiter/v3/drivers/store/redis"
)

// remoteStore is the limiter's store in Redis. Its constructor talks to Redis, so it is
// called when the store is first needed, and again until it succeeds. Counting is one
// script: the increment and the start of the window happen together or not at all.
type remoteStore struct {
	client redis.UniversalClient
	prefix string

	mu    sync.Mutex
	ready atomic.Pointer[limiter.Store]
}

// open returns the store. Callers wait for one another, since the first burst would
// otherwise be counted in two places; a server that is away fails them all quickly.
func (r *remoteStore) open() (limiter.Store, error) {
	if s := r.ready.Load(); s != nil {
		return *s, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.ready.Load(); s != nil {
		return *s, nil
	}
	s, err := store.NewStoreWithOptions(r.client, limiter.StoreOptions{Prefix: r.prefix})
	if err != nil {
		return nil, err
	}
	r.ready.Store(&s)
	return s, nil
}
