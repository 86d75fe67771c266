package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

// tally counts tests as go test reports them. A test with subtests is not counted
// itself, unless it failed on its own.
type tally struct {
	modules []module
	verbose bool
	out     io.Writer

	outcome map[string]map[string]string // package, test, pass|fail|skip
	output  map[string]*strings.Builder  // package and test
	broken  []string                     // packages that failed without a failing test
}

func newTally(modules []module, verbose bool) *tally {
	return &tally{
		modules: modules, verbose: verbose, out: os.Stdout,
		outcome: map[string]map[string]string{}, output: map[string]*strings.Builder{},
	}
}

func (t *tally) read(r io.Reader) error {
	lines := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprint(t.out, string(line))
			} else {
				t.event(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read go test: %w", err)
		}
	}
}

func (t *tally) event(e event) {
	pkg := e.Package
	if pkg == "" {
		pkg, _, _ = strings.Cut(e.ImportPath, " ")
	}
	switch e.Action {
	case "output", "build-output":
		t.buffer(pkg, e.Test).WriteString(e.Output)
	case "build-fail":
		fmt.Fprint(t.out, t.buffer(pkg, ""))
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.finish(pkg, e)
			return
		}
		if t.outcome[pkg] == nil {
			t.outcome[pkg] = map[string]string{}
		}
		t.outcome[pkg][e.Test] = e.Action
		if t.verbose {
			fmt.Fprintf(t.out, "    %s %s (%.2fs)\n", e.Action, e.Test, e.Elapsed)
		}
		if e.Action != "fail" {
			delete(t.output, pkg+" "+e.Test)
		}
	}
}

func (t *tally) buffer(pkg, test string) *strings.Builder {
	key := pkg + " " + test
	if t.output[key] == nil {
		t.output[key] = &strings.Builder{}
	}
	return t.output[key]
}

// finish prints a package that has ended: a line when it is well, everything its failed
// tests said when not.
func (t *tally) finish(pkg string, e event) {
	tests := t.outcome[pkg]
	if e.Action != "fail" {
		if len(tests) > 0 {
			fmt.Fprintf(t.out, "ok    %-60s %4d tests %7.2fs\n", pkg, len(leaves(tests)), e.Elapsed)
		}
		return
	}
	fmt.Fprintf(t.out, "FAIL  %s %.2fs\n", pkg, e.Elapsed)
	failed := false
	for _, test := range slices.Sorted(maps.Keys(tests)) {
		if tests[test] == "fail" {
			failed = true
			fmt.Fprint(t.out, t.buffer(pkg, test))
		}
	}
	if !failed {
		t.broken = append(t.broken, pkg)
		// What ran when the package broke down has no outcome; its output tells.
		for _, key := range slices.Sorted(maps.Keys(t.output)) {
			if strings.HasPrefix(key, pkg+" ") {
				fmt.Fprint(t.out, t.output[key])
			}
		}
	}
}

// clean reports whether nothing has failed.
func (t *tally) clean() bool {
	for _, tests := range t.outcome {
		for _, outcome := range tests {
			if outcome == "fail" {
				return false
			}
		}
	}
	return len(t.broken) == 0
}

// leaves are the tests that count: those without subtests, and those that failed while
// all their subtests passed.
func leaves(tests map[string]string) []string {
	parents, blamed := map[string]bool{}, map[string]bool{}
	for test, outcome := range tests {
		for i := range len(test) {
			if test[i] == '/' {
				parents[test[:i]] = true
				if outcome == "fail" {
					blamed[test[:i]] = true
				}
			}
		}
	}
	var counted []string
	for test, outcome := range tests {
		if !parents[test] || (outcome == "fail" && !blamed[test]) {
			counted = append(counted, test)
		}
	}
	return counted
}

// summary prints the figures by module and the last line. It returns whether all is well.
func (t *tally) summary(w io.Writer, took time.Duration) bool {
	type count struct{ passed, failed, skipped int }
	byModule := map[string]*count{}
	var total count
	at := func(pkg string) *count {
		name := t.moduleOf(pkg)
		if byModule[name] == nil {
			byModule[name] = &count{}
		}
		return byModule[name]
	}
	for pkg, tests := range t.outcome {
		c := at(pkg)
		for _, test := range leaves(tests) {
			switch tests[test] {
			case "pass":
				c.passed++
			case "fail":
				c.failed++
			default:
				c.skipped++
			}
		}
	}
	for _, pkg := range t.broken {
		at(pkg).failed++
	}
	fmt.Fprintln(w)
	for _, name := range slices.Sorted(maps.Keys(byModule)) {
		c := byModule[name]
		fmt.Fprintf(w, "%-24s %5d passed %4d failed %4d skipped\n", name, c.passed, c.failed, c.skipped)
		total.passed += c.passed
		total.failed += c.failed
		total.skipped += c.skipped
	}
	for _, pkg := range t.broken {
		fmt.Fprintf(w, "did not build or broke down: %s\n", pkg)
	}
	fmt.Fprintf(w, "in %s\n", took.Round(time.Second))
	if total.passed+total.failed == 0 {
		fmt.Fprintln(w, "no test ran")
	}
	fmt.Fprintf(w, "%d passed, %d failed", total.passed, total.failed)
	if total.skipped > 0 {
		fmt.Fprintf(w, ", %d skipped", total.skipped)
	}
	fmt.Fprintln(w)
	return total.failed == 0 && total.passed > 0
}

func (t *tally) moduleOf(pkg string) string {
	best := module{Rel: pkg}
	for _, m := range t.modules {
		if (pkg == m.Path || strings.HasPrefix(pkg, m.Path+"/")) && len(m.Path) > len(best.Path) {
			best = m
		}
	}
	return best.Rel
}
