package id_test

import (
	"strings"
	"testing"

	"github.com/authy2/backend/platform/id"
)

func TestParse(t *testing.T) {
	t.Parallel()
	fresh := id.Generator{}.New()
	for name, tc := range map[string]struct {
		in string
		ok bool
	}{
		"fresh":          {fresh, true},
		"upper case":     {strings.ToUpper(fresh), true},
		"request id":     {id.NewRequest(), true},
		"empty":          {"", false},
		"urn":            {"urn:uuid:" + fresh, false},
		"braces":         {"{" + fresh[:34] + "}", false},
		"bare hex":       {strings.ReplaceAll(fresh, "-", ""), false},
		"not hex":        {"zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz", false},
		"one too long":   {fresh + "0", false},
		"with a newline": {fresh[:35] + "\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := id.Parse(tc.in)
			if ok != tc.ok || (ok && got != strings.ToLower(tc.in)) {
				t.Errorf("Parse(%q) = %q, %v", tc.in, got, ok)
			}
		})
	}
}

func TestNewIsOrdered(t *testing.T) {
	t.Parallel()
	last := ""
	for range 1000 {
		next := id.Generator{}.New()
		if next <= last || next[14] != '7' {
			t.Fatalf("%s after %s", next, last)
		}
		last = next
	}
}
