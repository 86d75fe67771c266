package privacy

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Exporter gives what one module holds on a user.
type Exporter struct {
	// Section is the key under which it appears in the export: "sessions".
	Section string
	// Export returns plain data that survives JSON. It holds no secret and nothing of
	// other people. A user that the module knows nothing of is an empty value, no error.
	Export func(ctx context.Context, userID string) (any, error)
}

// Registry knows every exporter. It is built empty and filled once, before the first
// request, because exporters are built from what asks the registry.
type Registry struct{ exporters []Exporter }

// NewRegistry returns a registry without exporters.
func NewRegistry() *Registry { return &Registry{} }

// Add adds exporters. It returns an error for a section that is there already or has no
// name or function. It must not be called once requests are served.
func (r *Registry) Add(exporters ...Exporter) error {
	for _, e := range exporters {
		if e.Section == "" || e.Export == nil {
			return fmt.Errorf("privacy: exporter %q needs a section and a function", e.Section)
		}
		at, taken := slices.BinarySearchFunc(r.exporters, e, bySection)
		if taken {
			return fmt.Errorf("privacy: two exporters give the section %q", e.Section)
		}
		r.exporters = slices.Insert(r.exporters, at, e)
	}
	return nil
}

// Sections returns the names of the sections, sorted.
func (r *Registry) Sections() []string {
	names := make([]string, len(r.exporters))
	for i, e := range r.exporters {
		names[i] = e.Section
	}
	return names
}

// Export returns everything held on the user, by section. One section that cannot be
// read fails the whole: half an answer would pass for a whole one.
func (r *Registry) Export(ctx context.Context, userID string) (map[string]any, error) {
	all := make(map[string]any, len(r.exporters))
	for _, e := range r.exporters {
		data, err := e.Export(ctx, userID)
		if err != nil {
			return nil, fmt.Errorf("privacy: export %s: %w", e.Section, err)
		}
		all[e.Section] = data
	}
	return all, nil
}

func bySection(a, b Exporter) int { return strings.Compare(a.Section, b.Section) }
