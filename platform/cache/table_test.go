package cache_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache"
)

// TestMemoryIsBounded fills a small cache far past its limit: values make room for one
// another, and no tombstone is dropped.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	c := &settable{}
	const limit = 640
	s := cache.NewSmallSliding(c, limit)
	now := c.Now()
	dead := make([]string, 200)
	for i := range dead {
		dead[i] = "dead" + strconv.Itoa(i)
	}
	if err := s.Bury(t.Context(), dead, "owner", now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		v := cache.Value{Idle: time.Minute, Cap: now.Add(time.Hour), Deadline: now.Add(time.Minute)}
		if err := s.Put(t.Context(), strconv.Itoa(i), v); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Len(); n > limit+len(dead) {
		t.Errorf("%d entries are held", n)
	}
	for _, key := range dead {
		if _, state, _ := s.Touch(t.Context(), key, now); state != cache.Buried {
			t.Fatalf("tombstone %s was dropped", key)
		}
	}
}
