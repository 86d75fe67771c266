package config

import (
	"slices"
	"strings"
)

// didYouMean returns ", did you mean …?" for the nearest known name, or nothing.
func didYouMean(name string, known []string) string {
	if best, ok := nearest(name, known); ok {
		return ", did you mean " + best + "?"
	}
	return ""
}

// nearest returns the known name that is closest to name, if it is close enough to be a
// slip of the finger: one edit for names of up to eight letters, two for longer ones.
func nearest(name string, known []string) (string, bool) {
	best, least := "", 3
	for _, k := range slices.Sorted(slices.Values(known)) {
		if abs(len(k)-len(name)) > 2 || len(name) > 128 {
			continue
		}
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	allowed := 2
	if len(best) <= 8 {
		allowed = 1
	}
	return best, best != "" && least <= allowed
}

// distance is how many letters must be added, dropped, replaced or swapped with their
// neighbour to make b of a (optimal string alignment).
func distance(a, b string) int {
	before, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(b)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// short returns s cut to what fits a sentence.
func short(s string) string {
	const most = 60
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
