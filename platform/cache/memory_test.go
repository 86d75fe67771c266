package cache_test

import (
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/clock"
)

// settable is a clock that a test moves.
type settable struct{ offset atomic.Int64 }

func (c *settable) Now() time.Time {
	return time.Unix(1_800_000_000, 0).UTC().Add(time.Duration(c.offset.Load()))
}

func (c *settable) advance(d time.Duration) { c.offset.Add(int64(d)) }

var _ clock.Clock = (*settable)(nil)

// TestMemoryIsSwept lets a hundred thousand sessions die unused: new ones take their
// place instead of adding to them.
func TestMemoryIsSwept(t *testing.T) {
	t.Parallel()
	c := &settable{}
	s := cache.NewMemorySliding(c)
	const each = 50_000
	for round := range 6 {
		now := c.Now()
		for i := range each {
			v := cache.Value{Idle: time.Minute, Cap: now.Add(time.Hour), Deadline: now.Add(time.Minute)}
			if err := s.Put(t.Context(), strconv.Itoa(round*each+i), v); err != nil {
				t.Fatal(err)
			}
		}
		c.advance(2 * time.Minute)
	}
	if n := s.Len(); n > each*3/2 {
		t.Errorf("%d entries are held for %d live ones", n, each)
	}
}

// TestMemoryLeasesFollowTheClock runs a lease out without waiting.
func TestMemoryLeasesFollowTheClock(t *testing.T) {
	t.Parallel()
	c := &settable{}
	s := cache.NewMemorySliding(c)
	token, ok, _ := s.Lease(t.Context(), "k", time.Second)
	if !ok {
		t.Fatal("no lease")
	}
	c.advance(time.Second)
	if _, state, _ := s.Touch(t.Context(), "k", c.Now()); state != cache.Missing {
		t.Fatalf("state is %d", state)
	}
	v := cache.Value{Idle: time.Minute, Cap: c.Now().Add(time.Hour), Deadline: c.Now().Add(time.Minute)}
	if ok, _ := s.Fill(t.Context(), "k", token, v); ok {
		t.Fatal("a lease that ran out was filled")
	}
}

// TestMemoryTombstonesEnd lets a tombstone stand as long as the session could have lived.
func TestMemoryTombstonesEnd(t *testing.T) {
	t.Parallel()
	c := &settable{}
	s := cache.NewMemorySliding(c)
	now := c.Now()
	if err := s.Bury(t.Context(), []string{"k"}, "owner", now, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		at    time.Duration
		state cache.State
	}{{0, cache.Buried}, {time.Hour - time.Millisecond, cache.Buried}, {time.Hour, cache.Missing}} {
		if _, state, _ := s.Touch(t.Context(), "k", now.Add(want.at)); state != want.state {
			t.Errorf("after %s the state is %d, want %d", want.at, state, want.state)
		}
	}
}

// TestMemoryTouchAllocatesNothing pins the embedded hot path.
func TestMemoryTouchAllocatesNothing(t *testing.T) {
	c := &settable{}
	s := cache.NewMemorySliding(c)
	now := c.Now()
	v := cache.Value{Idle: time.Minute, Cap: now.Add(time.Hour), Deadline: now.Add(time.Minute), Payload: []byte("p")}
	if err := s.Put(t.Context(), "k", v); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { _, _, _ = s.Touch(ctx, "k", now) }); n != 0 {
		t.Errorf("a touch allocates %v times", n)
	}
}
