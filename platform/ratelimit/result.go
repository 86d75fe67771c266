package ratelimit

import "time"

// Result is what a call counted against a fixed window found.
type Result struct {
	// Limit is how many calls a window admits; zero when limits are switched off.
	Limit int
	// Remaining is how many are left in this window, never negative.
	Remaining int
	// Reset is when the window ends, in whole seconds and never too early.
	Reset time.Time
	// Reached is true when the call must be refused.
	Reached bool
}
