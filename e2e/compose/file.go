package compose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// File is a compose file whose variables are filled in.
type File struct {
	Name     string              `json:"name"`
	Services map[string]*Service `json:"services"`
	Networks map[string]Network  `json:"networks"`
	Volumes  map[string]struct{} `json:"volumes"`
	// Variables are the names of the variables that it asks for, sorted.
	Variables []string `json:"-"`
}

// Service is one service.
type Service struct {
	Image           string                `json:"image"`
	Build           *Build                `json:"build"`
	User            string                `json:"user"`
	Command         Words                 `json:"command"`
	EnvFile         Words                 `json:"env_file"`
	Environment     map[string]string     `json:"environment"`
	Volumes         Words                 `json:"volumes"`
	Tmpfs           Words                 `json:"tmpfs"`
	Ports           Words                 `json:"ports"`
	Networks        Words                 `json:"networks"`
	Profiles        Words                 `json:"profiles"`
	DependsOn       map[string]Dependency `json:"depends_on"`
	Healthcheck     Healthcheck           `json:"healthcheck"`
	ReadOnly        bool                  `json:"read_only"`
	CapDrop         Words                 `json:"cap_drop"`
	SecurityOpt     Words                 `json:"security_opt"`
	Restart         string                `json:"restart"`
	ShmSize         string                `json:"shm_size"`
	StopGracePeriod string                `json:"stop_grace_period"`
}

// Build says how an image is made.
type Build struct {
	Context    string            `json:"context"`
	Dockerfile string            `json:"dockerfile"`
	Args       map[string]string `json:"args"`
}

// Dependency is what another service must have reached before this one starts.
type Dependency struct {
	// Condition is service_healthy, service_started or service_completed_successfully.
	Condition string `json:"condition"`
}

// Healthcheck is how a container is asked whether it is well.
type Healthcheck struct {
	Test        Words  `json:"test"`
	Interval    string `json:"interval"`
	Timeout     string `json:"timeout"`
	StartPeriod string `json:"start_period"`
	Retries     int    `json:"retries"`
	Disable     bool   `json:"disable"`
}

// Network is one network.
type Network struct {
	Internal bool `json:"internal"`
	IPAM     struct {
		Config []struct {
			Subnet string `json:"subnet"`
		} `json:"config"`
	} `json:"ipam"`
}

// Words is a list that may be written as one string.
type Words []string

// UnmarshalJSON reads a list or one string.
func (w *Words) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*w = Words{one}
		return nil
	}
	var list []string
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	*w = list
	return nil
}

// Load reads the file and fills its variables in from env. Everything that it does not
// know is an error.
func Load(path string, env map[string]string) (*File, error) {
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	var tree map[string]any
	if err := yaml.Unmarshal(content, &tree); err != nil {
		return nil, fmt.Errorf("compose: %s: %w", filepath.Base(path), err)
	}
	for name := range tree {
		if strings.HasPrefix(name, "x-") { // what anchors stand in
			delete(tree, name)
		}
	}
	f := &File{}
	filled, err := fill(tree, env, func(name string) { f.Variables = append(f.Variables, name) })
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(filled)
	if err != nil {
		return nil, fmt.Errorf("compose: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(f); err != nil {
		return nil, fmt.Errorf("compose: %s: %w", filepath.Base(path), err)
	}
	slices.Sort(f.Variables)
	f.Variables = slices.Compact(f.Variables)
	return f, nil
}

// fill interpolates every text of a tree.
func fill(node any, env map[string]string, used func(string)) (any, error) {
	switch node := node.(type) {
	case string:
		return Interpolate(node, env, used)
	case []any:
		for i := range node {
			item, err := fill(node[i], env, used)
			if err != nil {
				return nil, err
			}
			node[i] = item
		}
	case map[string]any:
		for name := range node {
			item, err := fill(node[name], env, used)
			if err != nil {
				return nil, err
			}
			node[name] = item
		}
	}
	return node, nil
}

// Active returns the names of the services that docker compose up starts with these
// profiles, each after those that it depends on.
func (f *File) Active(profiles ...string) []string {
	var order []string
	var visit func(name string)
	visit = func(name string) {
		if slices.Contains(order, name) {
			return
		}
		for _, other := range sorted(f.Services[name].DependsOn) {
			visit(other)
		}
		order = append(order, name)
	}
	for _, name := range sorted(f.Services) {
		s := f.Services[name]
		if len(s.Profiles) == 0 || slices.ContainsFunc(profiles, func(p string) bool { return slices.Contains(s.Profiles, p) }) {
			visit(name)
		}
	}
	return order
}

// sorted returns the names in a map, sorted.
func sorted[T any](m map[string]T) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
