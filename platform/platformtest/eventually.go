package platformtest

import (
	"testing"
	"time"
)

// Eventually waits until ok returns true, and fails the test when it has not within the
// time. what completes the sentence "waited for …".
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("waited %s in vain for %s", within, what)
		case <-tick.C:
		}
	}
}
