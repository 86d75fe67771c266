package cache_test

import (
	"testing"

	"github.com/authy2/backend/platform/cache"
)

func TestAtLeast(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{
		"6.2.0": true, "6.2": true, "7.0.15": true, "10.0.0": true,
		"6.0.16": false, "5.9.9": false, "": false, "unstable": false, "7": false,
	} {
		if got := cache.AtLeast(version, 6, 2); got != want {
			t.Errorf("%q: %t", version, got)
		}
	}
}
