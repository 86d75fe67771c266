package privacy_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/privacy"
)

func section(name string, data any, err error) privacy.Exporter {
	return privacy.Exporter{Section: name, Export: func(context.Context, string) (any, error) { return data, err }}
}

func TestExportHasEverySection(t *testing.T) {
	t.Parallel()
	r := privacy.NewRegistry()
	if err := r.Add(section("sessions", []string{"s1"}, nil), section("profile", "bob", nil)); err != nil {
		t.Fatal(err)
	}
	got, err := r.Export(t.Context(), "u1")
	want := map[string]any{"sessions": []string{"s1"}, "profile": "bob"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("Export = %v, %v; want %v", got, err, want)
	}
	if got := r.Sections(); !reflect.DeepEqual(got, []string{"profile", "sessions"}) {
		t.Errorf("Sections = %v", got)
	}
}

func TestExportFailsWhole(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	r := privacy.NewRegistry()
	if err := r.Add(section("profile", "bob", nil), section("sessions", nil, broken)); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Export(t.Context(), "u1"); got != nil || !errors.Is(err, broken) {
		t.Errorf("Export = %v, %v", got, err)
	}
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		add  []privacy.Exporter
		want string
	}{
		"twice":       {[]privacy.Exporter{section("a", 1, nil), section("a", 2, nil)}, `two exporters give the section "a"`},
		"no name":     {[]privacy.Exporter{section("", 1, nil)}, "needs a section"},
		"no function": {[]privacy.Exporter{{Section: "a"}}, "needs a section and a function"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := privacy.NewRegistry().Add(tc.add...); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Add = %v, want %q", err, tc.want)
			}
		})
	}
}
