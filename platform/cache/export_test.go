package cache

import "github.com/authy2/backend/platform/clock"

// AtLeast is the comparison of versions.
func AtLeast(version string, major, minor int) bool { return atLeast(version, major, minor) }

// NewSmallSliding returns a memory cache with another bound.
func NewSmallSliding(c clock.Clock, entries int) *MemorySliding {
	return &MemorySliding{clock: c, table: newTable[entry](entries)}
}
