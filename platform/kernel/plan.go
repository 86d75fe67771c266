package kernel

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authy2/backend/platform/config"
)

// Plan is which modules are on, in the order in which they start. Make one with
// [NewPlan]. The zero value has none.
type Plan struct {
	all      []Module
	on       []Module
	features map[string]map[string]bool
}

// NewPlan decides which of all modules are on. It is a pure function: nothing is built.
// Its error joins every mistake there is: names that nothing has, modules declared or
// listed twice, requirements that are off or do not exist, and circles.
func NewPlan(all []Module, s config.Selection) (*Plan, error) {
	problems := declared(all)
	on := map[string]bool{}
	for _, name := range s.Names {
		switch {
		case find(all, name) == nil:
			problems = append(problems, fmt.Errorf("modules.%s: there is no such module (have %s)", name, strings.Join(names(all), ", ")))
		case on[name]:
			problems = append(problems, fmt.Errorf("MODULES lists %s twice", name))
		}
		on[name] = true
	}
	for _, m := range all {
		for _, need := range m.Requires {
			if on[m.Name] && !on[need] && find(all, need) != nil {
				problems = append(problems, fmt.Errorf("modules.%s is on but modules.%s, which it requires, is off", m.Name, need))
			}
		}
	}
	if len(s.Names) == 0 {
		problems = append(problems, fmt.Errorf("no module is on (have %s)", strings.Join(names(all), ", ")))
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	p := &Plan{all: slices.Clone(all), features: s.Features}
	for _, m := range ordered(all) {
		if on[m.Name] {
			p.on = append(p.on, m)
		}
	}
	return p, nil
}

// declared returns what is wrong with the modules themselves, whichever are on.
func declared(all []Module) []error {
	var problems []error
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.Name] {
			problems = append(problems, fmt.Errorf("the module %s is declared twice", m.Name))
		}
		seen[m.Name] = true
		for _, need := range m.Requires {
			switch {
			case need == m.Name:
				problems = append(problems, fmt.Errorf("modules.%s requires itself", m.Name))
			case find(all, need) == nil:
				problems = append(problems, fmt.Errorf("modules.%s requires modules.%s, which does not exist", m.Name, need))
			}
		}
	}
	if c := circle(all); c != nil {
		problems = append(problems, fmt.Errorf("modules require one another in a circle: %s", strings.Join(c, " -> ")))
	}
	return problems
}

// circle returns the first circle of at least two modules, starting with the name that
// sorts first, or nil.
func circle(all []Module) []string {
	done := map[string]bool{}
	var path []string
	var visit func(name string) []string
	visit = func(name string) []string {
		if at := slices.Index(path, name); at >= 0 {
			return append(slices.Clone(path[at:]), name)
		}
		m := find(all, name)
		if m == nil || done[name] {
			return nil
		}
		path = append(path, name)
		for _, need := range slices.Sorted(slices.Values(m.Requires)) {
			if need == name {
				continue
			}
			if c := visit(need); c != nil {
				return c
			}
		}
		path = path[:len(path)-1]
		done[name] = true
		return nil
	}
	for _, name := range names(all) {
		if c := visit(name); c != nil {
			return c
		}
	}
	return nil
}

// ordered returns the modules, each after those it requires and otherwise by name. There
// must be no circle.
func ordered(all []Module) []Module {
	var out []Module
	done := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		m := find(all, name)
		if m == nil || done[name] {
			return
		}
		done[name] = true
		for _, need := range slices.Sorted(slices.Values(m.Requires)) {
			visit(need)
		}
		out = append(out, *m)
	}
	for _, name := range names(all) {
		visit(name)
	}
	return out
}

func find(all []Module, name string) *Module {
	for i := range all {
		if all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

// names returns the names of the modules, sorted.
func names(all []Module) []string {
	out := make([]string, len(all))
	for i, m := range all {
		out[i] = m.Name
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// All returns every module there is, on or off, in the order of their declaration.
func (p *Plan) All() []Module { return slices.Clone(p.all) }

// Modules returns the modules that are on, each after those it requires.
func (p *Plan) Modules() []Module { return slices.Clone(p.on) }

// Names returns the names of the modules that are on, in that order.
func (p *Plan) Names() []string {
	out := make([]string, len(p.on))
	for i, m := range p.on {
		out[i] = m.Name
	}
	return out
}

// Has reports whether the module is on.
func (p *Plan) Has(name string) bool { return find(p.on, name) != nil }

// Features returns which features of the module are on: none when the module is off.
func (p *Plan) Features(module string) Features {
	if !p.Has(module) {
		return Features{}
	}
	return Features{on: p.features[module], modules: p.on}
}
