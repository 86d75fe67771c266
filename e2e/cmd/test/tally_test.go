package main

import (
	"strings"
	"testing"
	"time"
)

func TestTallyCountsLeavesAndBreakdowns(t *testing.T) {
	t.Parallel()
	const module1, module2 = "example.com/one", "example.com/one/two"
	for name, c := range map[string]struct {
		events, last string
		well         bool
	}{
		"nothing": {"", "0 passed, 0 failed", false},
		"subtests count, their parents do not": {
			`{"Action":"pass","Package":"example.com/one/a","Test":"TestX/first"}
{"Action":"pass","Package":"example.com/one/a","Test":"TestX/second"}
{"Action":"pass","Package":"example.com/one/a","Test":"TestX"}
{"Action":"pass","Package":"example.com/one/a"}`, "2 passed, 0 failed", true,
		},
		"a failing subtest is one failure": {
			`{"Action":"output","Package":"example.com/one/two","Test":"TestX/first","Output":"boom\n"}
{"Action":"fail","Package":"example.com/one/two","Test":"TestX/first"}
{"Action":"pass","Package":"example.com/one/two","Test":"TestX/second"}
{"Action":"fail","Package":"example.com/one/two","Test":"TestX"}
{"Action":"fail","Package":"example.com/one/two"}`, "1 passed, 1 failed", false,
		},
		"a parent that fails alone is one failure": {
			`{"Action":"pass","Package":"example.com/one","Test":"TestX/first"}
{"Action":"fail","Package":"example.com/one","Test":"TestX"}
{"Action":"fail","Package":"example.com/one"}`, "1 passed, 1 failed", false,
		},
		"a package that does not build is one failure": {
			`{"Action":"build-output","ImportPath":"example.com/one","Output":"x.go:1: no\n"}
{"Action":"build-fail","ImportPath":"example.com/one"}
{"Action":"fail","Package":"example.com/one","FailedBuild":"example.com/one"}`, "0 passed, 1 failed", false,
		},
		"skipped tests are told": {
			`{"Action":"pass","Package":"example.com/one","Test":"TestX"}
{"Action":"skip","Package":"example.com/one","Test":"TestY"}
{"Action":"pass","Package":"example.com/one"}`, "1 passed, 0 failed, 1 skipped", true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			tally := newTally([]module{{Path: module1, Rel: "one"}, {Path: module2, Rel: "one/two"}}, false)
			tally.out = &out
			if err := tally.read(strings.NewReader(c.events)); err != nil {
				t.Fatal(err)
			}
			well := tally.summary(&out, time.Second)
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; last != c.last || well != c.well {
				t.Errorf("last line %q, well %t; want %q, %t\n%s", last, well, c.last, c.well, out.String())
			}
			if tally.clean() != (c.well || c.events == "") {
				t.Errorf("clean = %t", tally.clean())
			}
			if strings.Contains(c.events, "boom") && !strings.Contains(out.String(), "boom") {
				t.Errorf("the output of a failed test is not shown:\n%s", out.String())
			}
		})
	}
}
