package heap_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/authy2/backend/platform/heap"
	"github.com/authy2/backend/platform/platformtest"
)

// TestRoom is not parallel: the percentage is the process's.
func TestRoom(t *testing.T) {
	before := currentPercent()
	stop := heap.Room(64 << 20)
	platformtest.Eventually(t, 10*time.Second, "a small heap is given the room", func() bool {
		runtime.GC()
		return currentPercent() > 200
	})

	held := make([]byte, 512<<20)
	platformtest.Eventually(t, 10*time.Second, "a large heap is given its share", func() bool {
		runtime.GC()
		return currentPercent() == 50
	})
	runtime.KeepAlive(held)

	stop()
	stop()
	if got := currentPercent(); got != before {
		t.Errorf("after stop the percentage is %d, it was %d", got, before)
	}
}

// currentPercent asks for the percentage without changing it for longer than a moment.
func currentPercent() int {
	p := debug.SetGCPercent(100)
	debug.SetGCPercent(p)
	return p
}
