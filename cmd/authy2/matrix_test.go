package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/authy2/backend/configs"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/platformtest"
)

// TestMatrix builds every subset of the modules and pins what each exposes: a route that
// appears or vanishes shows in the golden file, and so does the sentence of a refusal.
func TestMatrix(t *testing.T) {
	t.Parallel()
	all := modules()
	names := make([]string, len(all))
	for i, m := range all {
		names[i] = m.Name
	}
	slices.Sort(names)
	var out strings.Builder
	for mask := range 1 << len(names) {
		var on []string
		for i, name := range names {
			if mask&(1<<i) != 0 {
				on = append(on, name)
			}
		}
		fmt.Fprintf(&out, "## %s\n%s\n", strings.Join(on, " "), table(t, all, on))
	}
	platformtest.Golden(t, "testdata/matrix.golden", []byte(out.String()))
}

// table returns the route table, jobs and lines of migrations of one subset, or the
// sentence with which it is refused.
func table(t *testing.T, all []kernel.Module, on []string) string {
	t.Helper()
	loaded, err := config.Load(config.Options{Profile: config.Testing, Profiles: configs.FS}, kernel.Sections(all))
	if err != nil {
		t.Fatal(err)
	}
	selection := loaded.Selection
	selection.Names = on
	plan, err := kernel.NewPlan(all, selection)
	if err != nil {
		return "refused: " + err.Error() + "\n"
	}
	app, err := kernel.New(kernel.Options{Loaded: loaded, Plan: plan, Wire: wire(plan)})
	if err != nil {
		return "refused: " + err.Error() + "\n"
	}
	document, err := app.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, r := range app.Routes() {
		fmt.Fprintf(&b, "route   %-8s %-6s %-40s %s\n", r.Module, r.Method, r.Path, access(r))
		if strings.HasPrefix(r.Path, "/api/v1/") && !strings.Contains(string(document), `"`+r.Path+`"`) {
			t.Errorf("%v: %s is mounted and not in the document", on, r.Path)
		}
	}
	for _, j := range app.Jobs().List() {
		fmt.Fprintf(&b, "job     %s\n", j.Name)
	}
	for _, l := range app.Lines() {
		fmt.Fprintf(&b, "line    %s\n", l.Name)
	}
	for _, c := range app.Commands() {
		fmt.Fprintf(&b, "command %s\n", c.Name())
	}
	return b.String()
}

func access(r kernel.Route) string {
	return fmt.Sprint(r.Access)
}
