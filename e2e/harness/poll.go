package harness

import (
	"testing"
	"time"
)

// Eventually polls until ok answers true, and fails the test when it has not within the
// time.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Throughout polls for the whole time and fails the test when ok answers false once.
func Throughout(t testing.TB, span time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(span)
	for time.Now().Before(deadline) {
		if !ok() {
			t.Fatalf("not throughout %s: %s", span, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Pause lets d pass. Journeys about time-outs wait in real time: the clock is the
// server's own.
func Pause(d time.Duration) { <-time.After(d) }
