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

// System is the operating system's clock.
type System struct{}

// Now returns the operating system's time in UTC.
func (System) Now() time.Time { return time.Now().UTC() }

// Reading returns the operating system's time with its monotonic reading, which the
// conversion to UTC of Now drops. Subtract two of them to measure a duration that a
// change of the wall clock does not falsify.
func (System) Reading() time.Time { return time.Now() }
