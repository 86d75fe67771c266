package cache

import (
	"strconv"
	"testing"
)

// TestTableIsBounded fills a small table past its limit: marks that end first make room,
// and what must not be dropped stays.
func TestTableIsBounded(t *testing.T) {
	t.Parallel()
	table := newTable[entry](shardCount * 10)
	set := func(key string, kind byte) {
		s := table.shard(key)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.set(key, &entry{kind: kind, deadline: 1000}, 1)
	}
	for i := range 200 {
		set("dead"+strconv.Itoa(i), kindTombstone)
	}
	for i := range 20_000 {
		set(strconv.Itoa(i), kindValue)
	}
	if n := table.len(); n > shardCount*10+200 {
		t.Errorf("%d entries are held", n)
	}
	for i := range 200 {
		key := "dead" + strconv.Itoa(i)
		if table.shard(key).live(key, 1) == nil {
			t.Fatalf("tombstone %s was dropped", key)
		}
	}
}
