// Package clock gives the time as a parameter, so that tests can set it and so that
// all replicas can follow one clock: the database's.
//
// What may be touched: implementations of [Clock] may be added. Nothing else in the
// system may ask the operating system for the time of day.
package clock

import "time"

// Clock tells the time. All times are UTC.
type Clock interface {
	// Now returns the current time in UTC.
	Now() time.Time
}

// Func makes a function a [Clock].
type Func func() time.Time

// Now calls f and returns its answer in UTC.
func (f Func) Now() time.Time { return f().UTC() }

// System is the operating system's clock, with its monotonic reading.
type System struct{}

// Now returns the operating system's time in UTC.
func (System) Now() time.Time { return time.Now().UTC() }
