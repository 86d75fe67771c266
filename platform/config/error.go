package config

import (
	"slices"
	"strconv"
	"strings"
)

// Error is everything that is wrong with a configuration. It never shows a secret.
type Error struct {
	// Complaints are sentences that each name the setting they are about, sorted.
	Complaints []string
}

func newError(complaints []string) *Error {
	sorted := slices.Clone(complaints)
	slices.Sort(sorted)
	return &Error{Complaints: slices.Compact(sorted)}
}

// Error lists the complaints, one a line.
func (e *Error) Error() string {
	if len(e.Complaints) == 1 {
		return "the configuration is wrong: " + e.Complaints[0]
	}
	return "the configuration is wrong in " + strconv.Itoa(len(e.Complaints)) + " places:\n  - " +
		strings.Join(e.Complaints, "\n  - ")
}
