package kernel

import (
	"fmt"
	"io/fs"

	"go.uber.org/fx"

	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/ratelimit"
)

// Module is a plug-in as plain data and one build function. The kernel can list, plan,
// configure and migrate a module without building it. Make one with [Define].
type Module struct {
	// Name is lower-case, unique, and the prefix of the module's tables and keys.
	Name string
	// Doc is one line that says what the module gives.
	Doc string
	// Requires are the modules without which this one does not start. It must not be
	// circular; what a module merely uses when it is there is a port, not a requirement.
	Requires []string
	// Features are the parts of the module with a switch of their own.
	Features []Feature
	// Limits are the rate limits of its operations.
	Limits []ratelimit.Limit
	// Migrations is the module's line of SQL files; nil for none.
	Migrations fs.FS
	// FeatureLines are the lines of SQL files that belong to features, in the order in which
	// they are applied, after the module's own.
	FeatureLines []FeatureLine
	// Config is a pointer to a struct with the defaults; nil for a module without
	// settings. [Define] sets it.
	Config any
	// Build returns the module's constructors, with its contribution among them. It does
	// no I/O, and neither do the constructors. [Define] sets it.
	Build func(Built) fx.Option
}

// Feature is a part of a module that is switched by modules.<module>.<name>.enabled.
type Feature = config.Feature

// FeatureLine is a line of SQL files that is there while a feature is on, so that a feature
// that was never on leaves no table.
type FeatureLine struct {
	// Name is the prefix of its history; it starts with the module's name.
	Name string
	// Feature is the feature's name.
	Feature string
	// With are the other modules that must be on too.
	With []string
	// FS holds the SQL files.
	FS fs.FS
}

// Validator is a configuration that can tell what is wrong with it.
type Validator = config.Validator

// Built is what a module is built from: what the operator decided.
type Built struct {
	// Config is the module's settings, a pointer to the struct that Module.Config points
	// to; nil means the defaults.
	Config any
	// Features tells which of the module's features are on.
	Features Features
}

// Features tells which features of one module are on, and which other modules are. The zero
// value has none on.
type Features struct {
	on      map[string]bool
	modules []Module
}

// On reports whether the feature is on. A feature that the module did not declare is off.
func (f Features) On(name string) bool { return f.on[name] }

// With reports whether the feature is on and every one of the modules too. It is what a
// feature asks that serves another module without requiring it.
func (f Features) With(name string, modules ...string) bool {
	for _, m := range modules {
		if find(f.modules, m) == nil {
			return false
		}
	}
	return f.On(name)
}

// NoConfig is the configuration of a module without settings.
type NoConfig struct{}

// Validate finds nothing wrong.
func (NoConfig) Validate() error { return nil }

// Define completes m with settings of type C: a plain struct with conf tags, whose
// defaults and build function are given. The type parameter keeps the settings typed all
// the way from the file to the constructor.
func Define[C Validator](m Module, defaults func() C, build func(cfg C, on Features) fx.Option) Module {
	initial := defaults()
	m.Config = &initial
	m.Build = func(b Built) fx.Option {
		cfg := initial
		switch given := b.Config.(type) {
		case nil:
		case *C:
			cfg = *given
		default:
			return fx.Error(fmt.Errorf("kernel: module %s is built with settings of type %T, it takes %T", m.Name, b.Config, &cfg))
		}
		return fx.Module(m.Name, build(cfg, b.Features))
	}
	return m
}

// Sections returns what the modules have for [config.Load].
func Sections(modules []Module) []config.Section {
	all := make([]config.Section, len(modules))
	for i, m := range modules {
		all[i] = config.Section{Name: m.Name, Doc: m.Doc, Features: m.Features, Limits: m.Limits, Config: m.Config}
	}
	return all
}
