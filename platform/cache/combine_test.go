package cache_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// TestTouchesInCompany: many callers at once each get the value of their own key, also
// when some of them leave early and when the server forgets the script in between.
func TestTouchesInCompany(t *testing.T) {
	t.Parallel()
	client, err := cache.OpenRedis(cache.Settings{URL: secret.New(platformtest.RedisURL(t)), Patience: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	s := cache.NewRedisSliding(client)
	now := time.Now()
	const keys = 200
	for i := range keys {
		v := cache.Value{Idle: time.Minute, Cap: now.Add(time.Hour), Deadline: now.Add(time.Minute), Payload: fmt.Appendf(nil, "payload of %d", i)}
		if err := s.Put(t.Context(), fmt.Sprint("key-", i), v); err != nil {
			t.Fatal(err)
		}
	}
	var done sync.WaitGroup
	for caller := range 64 {
		done.Go(func() {
			for i := range 100 {
				n := (caller*100 + i) % keys
				ctx, leave := context.WithCancel(t.Context())
				if i%10 == 3 {
					leave() // its call may be sent, and its answer goes to nobody
					_, _, _ = s.Touch(ctx, fmt.Sprint("key-", n), now)
					continue
				}
				if caller == 0 && i%25 == 0 {
					if err := client.ScriptFlush(ctx).Err(); err != nil {
						t.Error(err)
					}
				}
				v, state, err := s.Touch(ctx, fmt.Sprint("key-", n), now)
				leave()
				if err != nil || state != cache.Live || string(v.Payload) != fmt.Sprint("payload of ", n) {
					t.Errorf("key %d: %q, state %d, %v", n, v.Payload, state, err)
				}
			}
		})
	}
	done.Wait()
	if _, state, err := s.Touch(t.Context(), "nobody", now); err != nil || state != cache.Missing {
		t.Errorf("a missing key among others: %d, %v", state, err)
	}
}
