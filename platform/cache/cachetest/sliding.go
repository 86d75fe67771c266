package cachetest

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authy2/backend/platform/cache"
)

// ExerciseSliding runs every rule of [cache.Sliding] against fresh stores. Tests tell
// the time through the argument now and start from the time of day, by which a store
// may let its keys run out.
func ExerciseSliding(t *testing.T, fresh func(t *testing.T) cache.Sliding) {
	t.Helper()
	for _, rule := range []struct {
		name  string
		check func(t *testing.T, s cache.Sliding)
	}{
		{"nothing is missing", nothingIsMissing},
		{"a value slides", valueSlides},
		{"a value never outlives its cap", capHolds},
		{"idleness ends a value", idlenessEnds},
		{"a late clock does not shorten", lateClock},
		{"a payload is kept byte for byte", payloadKept},
		{"a lease is one caller's", leaseIsOnes},
		{"a lease runs out", leaseRunsOut},
		{"only the lease's holder fills", onlyHolderFills},
		{"a tombstone stops everything", tombstoneStops},
		{"a tombstone beats a fill under way", tombstoneBeatsFill},
		{"unbury removes tombstones alone", unburyAlone},
		{"only its owner unburies", onlyOwnerUnburies},
		{"the latest owner has the tombstone", latestOwner},
		{"nobody unburies what has no owner", ownerlessStays},
		{"a tombstone is never shortened", tombstoneNotShortened},
		{"forget removes values alone", forgetAlone},
		{"replace compares the payload", replaceCompares},
		{"many keys at once", manyKeys},
		{"one of many callers leases", oneLeases},
		{"touch and bury race", touchAndBury},
		{"bury and another's unbury race", buryAndUnbury},
	} {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			rule.check(t, fresh(t))
		})
	}
}

// value is a value used now, with a minute of idleness and an hour of life.
func value(now time.Time, payload string) cache.Value {
	return cache.Value{
		Idle: time.Minute, Cap: now.Add(time.Hour), Deadline: now.Add(time.Minute), Payload: []byte(payload),
	}
}

func today() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func nothingIsMissing(t *testing.T, s cache.Sliding) {
	wantState(t, s, "k", today(), cache.Missing)
}

func valueSlides(t *testing.T, s cache.Sliding) {
	now := today()
	put(t, s, "k", value(now, "p"))
	for range 5 {
		now = now.Add(50 * time.Second)
		v := wantState(t, s, "k", now, cache.Live)
		wantNear(t, v.Deadline, now.Add(time.Minute))
		if v.Idle != time.Minute || string(v.Payload) != "p" {
			t.Fatalf("got %+v", v)
		}
	}
}

func capHolds(t *testing.T, s cache.Sliding) {
	now := today()
	limit := now.Add(90 * time.Second)
	put(t, s, "k", cache.Value{Idle: time.Minute, Cap: limit, Deadline: now.Add(time.Minute), Payload: []byte("p")})
	v := wantState(t, s, "k", now.Add(59*time.Second), cache.Live)
	if !v.Cap.Equal(limit) {
		t.Fatalf("cap is %s, want %s", v.Cap, limit)
	}
	wantNear(t, v.Deadline, limit)
	wantState(t, s, "k", limit.Add(-10*time.Millisecond), cache.Live)
	wantState(t, s, "k", limit, cache.Expired)
	wantState(t, s, "k", now, cache.Missing)
}

func idlenessEnds(t *testing.T, s cache.Sliding) {
	now := today()
	put(t, s, "k", value(now, "p"))
	wantState(t, s, "k", now.Add(time.Minute-10*time.Millisecond), cache.Live)
	put(t, s, "l", value(now, "p"))
	wantState(t, s, "l", now.Add(time.Minute+10*time.Millisecond), cache.Expired)
	wantState(t, s, "l", now, cache.Missing)
}

func lateClock(t *testing.T, s cache.Sliding) {
	now := today()
	put(t, s, "k", value(now, "p"))
	wantState(t, s, "k", now.Add(30*time.Second), cache.Live)
	v := wantState(t, s, "k", now.Add(29*time.Second), cache.Live)
	wantNear(t, v.Deadline, now.Add(90*time.Second))
}

func payloadKept(t *testing.T, s cache.Sliding) {
	now := today()
	payload := make([]byte, 1024)
	for i := range payload {
		payload[i] = byte(i)
	}
	for _, p := range [][]byte{payload, {}, []byte("T"), []byte("L"), []byte("\r\n$5\r\n")} {
		given := bytes.Clone(p)
		put(t, s, "k", cache.Value{Idle: time.Minute, Cap: now.Add(time.Hour), Deadline: now.Add(time.Minute), Payload: given})
		for i := range given {
			given[i]++
		}
		if v := wantState(t, s, "k", now, cache.Live); !bytes.Equal(v.Payload, p) {
			t.Fatalf("payload is %q, want %q", v.Payload, p)
		}
	}
}

func leaseIsOnes(t *testing.T, s cache.Sliding) {
	now := today()
	token := lease(t, s, "k", time.Minute)
	wantState(t, s, "k", now, cache.Leased)
	wantNoLease(t, s, "k")
	fill(t, s, "k", token, value(now, "p"), true)
	wantState(t, s, "k", now, cache.Live)
	wantNoLease(t, s, "k")
	fill(t, s, "k", token, value(now, "q"), false)
}

func leaseRunsOut(t *testing.T, s cache.Sliding) {
	old := lease(t, s, "k", 20*time.Millisecond)
	var token string
	Eventually(t, 2*time.Second, "lease again", func() bool {
		again, ok, err := s.Lease(t.Context(), "k", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		token = again
		return ok
	})
	fill(t, s, "k", old, value(today(), "late"), false)
	fill(t, s, "k", token, value(today(), "p"), true)
}

func onlyHolderFills(t *testing.T, s cache.Sliding) {
	now := today()
	fill(t, s, "k", "nobody", value(now, "p"), false)
	wantState(t, s, "k", now, cache.Missing)
	lease(t, s, "k", time.Minute)
	fill(t, s, "k", "", value(now, "p"), false)
	fill(t, s, "k", "another", value(now, "p"), false)
	wantState(t, s, "k", now, cache.Leased)
}

func tombstoneStops(t *testing.T, s cache.Sliding) {
	now := today()
	put(t, s, "k", value(now, "p"))
	bury(t, s, "owner", now, "k")
	wantState(t, s, "k", now, cache.Buried)
	put(t, s, "k", value(now, "p"))
	wantNoLease(t, s, "k")
	fill(t, s, "k", "", value(now, "p"), false)
	replace(t, s, "k", "p", value(now, "q"), false)
	forget(t, s, "k")
	wantState(t, s, "k", now, cache.Buried)
	wantState(t, s, "k", now.Add(59*time.Minute), cache.Buried)
}

func tombstoneBeatsFill(t *testing.T, s cache.Sliding) {
	now := today()
	token := lease(t, s, "k", time.Minute)
	bury(t, s, "owner", now, "k")
	fill(t, s, "k", token, value(now, "p"), false)
	wantState(t, s, "k", now, cache.Buried)
}

func unburyAlone(t *testing.T, s cache.Sliding) {
	now := today()
	bury(t, s, "owner", now, "dead")
	put(t, s, "live", value(now, "p"))
	token := lease(t, s, "leased", time.Minute)
	unbury(t, s, "owner", "dead", "live", "leased", "nothing")
	wantState(t, s, "dead", now, cache.Missing)
	wantState(t, s, "live", now, cache.Live)
	fill(t, s, "leased", token, value(now, "p"), true)
}

func onlyOwnerUnburies(t *testing.T, s cache.Sliding) {
	now := today()
	bury(t, s, "owner", now, "k")
	for _, other := range []string{"", "another", "owne", "owner2"} {
		unbury(t, s, other, "k")
		wantState(t, s, "k", now, cache.Buried)
	}
	unbury(t, s, "owner", "k")
	wantState(t, s, "k", now, cache.Missing)
}

func latestOwner(t *testing.T, s cache.Sliding) {
	now := today()
	bury(t, s, "first", now, "k")
	bury(t, s, "second", now, "k")
	unbury(t, s, "first", "k")
	wantState(t, s, "k", now, cache.Buried)
	unbury(t, s, "second", "k")
	wantState(t, s, "k", now, cache.Missing)
}

func ownerlessStays(t *testing.T, s cache.Sliding) {
	now := today()
	bury(t, s, "", now, "alone", "before")
	bury(t, s, "owner", now, "before", "after")
	bury(t, s, "", now, "after")
	for _, key := range []string{"alone", "before", "after"} {
		unbury(t, s, "owner", key)
		unbury(t, s, "", key)
		wantState(t, s, key, now, cache.Buried)
	}
}

// tombstoneNotShortened asks with a late now. A store whose keys run out by the time of
// day passes whatever it does, and has to show the life of its keys in a test of its own.
func tombstoneNotShortened(t *testing.T, s cache.Sliding) {
	now := today()
	for _, c := range []struct{ before, after string }{{"a", "a"}, {"a", "b"}, {"", "b"}, {"a", ""}, {"", ""}} {
		for _, untils := range [][2]time.Duration{{time.Hour, time.Minute}, {time.Minute, time.Hour}} {
			key := fmt.Sprintf("%s/%s/%s", c.before, c.after, untils[0])
			for i, owner := range []string{c.before, c.after} {
				if err := s.Bury(t.Context(), []string{key}, owner, now, now.Add(untils[i])); err != nil {
					t.Fatal(err)
				}
			}
			wantState(t, s, key, now.Add(59*time.Minute), cache.Buried)
		}
	}
}

func forgetAlone(t *testing.T, s cache.Sliding) {
	now := today()
	put(t, s, "live", value(now, "p"))
	bury(t, s, "owner", now, "dead")
	token := lease(t, s, "leased", time.Minute)
	forget(t, s, "live", "dead", "leased", "nothing")
	wantState(t, s, "live", now, cache.Missing)
	wantState(t, s, "dead", now, cache.Buried)
	fill(t, s, "leased", token, value(now, "p"), true)
}

func replaceCompares(t *testing.T, s cache.Sliding) {
	now := today()
	replace(t, s, "k", "", value(now, "q"), false)
	put(t, s, "k", value(now, "p"))
	replace(t, s, "k", "other", value(now, "q"), false)
	shorter := cache.Value{Idle: time.Second, Cap: now.Add(time.Minute), Deadline: now.Add(time.Second), Payload: []byte("q")}
	replace(t, s, "k", "p", shorter, true)
	v := wantState(t, s, "k", now, cache.Live)
	if string(v.Payload) != "q" || v.Idle != time.Second || !v.Cap.Equal(shorter.Cap) {
		t.Fatalf("got %+v", v)
	}
	wantNear(t, v.Deadline, now.Add(time.Second))
	lease(t, s, "leased", time.Minute)
	replace(t, s, "leased", "", value(now, "q"), false)
}

func manyKeys(t *testing.T, s cache.Sliding) {
	now := today()
	keys := make([]string, 700)
	for i := range keys {
		keys[i] = fmt.Sprintf("k%d", i)
		put(t, s, keys[i], value(now, keys[i]))
	}
	forget(t, s, keys[:350]...)
	bury(t, s, "owner", now, keys[350:]...)
	for i, key := range keys {
		want := cache.Missing
		if i >= 350 {
			want = cache.Buried
		}
		wantState(t, s, key, now, want)
	}
	unbury(t, s, "owner", keys...)
	for _, key := range keys {
		wantState(t, s, key, now, cache.Missing)
	}
	bury(t, s, "owner", now)
	forget(t, s)
}

func oneLeases(t *testing.T, s cache.Sliding) {
	var won atomic.Int64
	together(64, func() {
		if _, ok, err := s.Lease(t.Context(), "k", time.Minute); err != nil {
			t.Error(err)
		} else if ok {
			won.Add(1)
		}
	})
	if won.Load() != 1 {
		t.Fatalf("%d callers hold the lease", won.Load())
	}
}

// touchAndBury lets callers use and refill a key while it is buried: once it was, no
// caller may see it live.
func touchAndBury(t *testing.T, s cache.Sliding) {
	now := today()
	for i := range 20 {
		key := fmt.Sprintf("k%d", i)
		put(t, s, key, value(now, "p"))
		var buried atomic.Bool
		together(16, func() {
			for n := range 10 {
				if n == 5 && buried.CompareAndSwap(false, true) {
					bury(t, s, "owner", now, key)
					if _, state, err := s.Touch(t.Context(), key, now); err != nil || state != cache.Buried {
						t.Errorf("after burying: %v, %v", state, err)
					}
				}
				if token, ok, _ := s.Lease(t.Context(), key, time.Minute); ok {
					_, _ = s.Fill(t.Context(), key, token, value(now, "p"))
				}
				_, _ = s.Replace(t.Context(), key, []byte("p"), value(now, "p"))
				_ = s.Put(t.Context(), key, value(now, "p"))
				_ = s.Forget(t.Context(), []string{key})
			}
		})
		wantState(t, s, key, now, cache.Buried)
	}
}

// buryAndUnbury lets one owner take its tombstone away while another writes its own.
func buryAndUnbury(t *testing.T, s cache.Sliding) {
	now := today()
	for i := range 100 {
		key := fmt.Sprintf("k%d", i)
		bury(t, s, "first", now, key)
		var second atomic.Bool
		together(2, func() {
			if second.CompareAndSwap(false, true) {
				bury(t, s, "second", now, key)
			} else {
				unbury(t, s, "first", key)
			}
		})
		wantState(t, s, key, now, cache.Buried)
	}
}

// together runs f n times at one instant and waits.
func together(n int, f func()) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range n {
		wg.Go(func() {
			<-start
			f()
		})
	}
	close(start)
	wg.Wait()
}
