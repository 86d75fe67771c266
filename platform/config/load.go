package config

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/dotenv"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

// Options say where the configuration comes from. The zero value gives the defaults.
type Options struct {
	// Profile is the profile to use whatever the environment says; empty asks APP_ENV,
	// then the --config file, and falls back to development.
	Profile string
	// Profiles holds <profile>.yaml for each profile. Nil adds nothing.
	Profiles fs.FS
	// File is the path of the --config file; empty for none.
	File string
	// Environ is the environment as os.Environ gives it.
	Environ []string
	// Dir is the working directory: .env is looked for in it. Empty reads no .env.
	Dir string
}

// Loaded is a configuration that was read and found right.
type Loaded struct {
	// Profile is the profile in force.
	Profile string
	// Platform is everything that belongs to no module.
	Platform Platform
	// Selection is which modules and features are asked for.
	Selection Selection
	// Warnings are what the operator should look at though it stops nothing, such as an
	// environment variable whose name is nearly one of ours.
	Warnings []string

	schema   *schema
	sources  map[string]string
	profiles fs.FS
}

// Load reads the configuration of the platform and of the modules. Its error is an
// [*Error] that holds every complaint. It reads files and nothing else: no connection is
// made, and nothing is written.
func Load(o Options, modules []Section) (*Loaded, error) {
	s, err := newSchema(modules)
	if err != nil {
		return nil, err
	}
	l := &loading{options: o, schema: s, merged: koanf.New(delimiter), sources: map[string]string{}}
	l.readEnvironment()
	l.readFile()
	l.chooseProfile()
	l.readDotEnv()
	l.addLayers()
	l.decode()
	selection := l.selection()
	l.checkPlatform()
	l.checkModules(selection)
	if len(l.complaints) > 0 {
		return nil, newError(l.complaints)
	}
	return &Loaded{
		Profile: l.profile, Platform: *s.platform, Selection: selection, Warnings: l.warnings,
		schema: s, sources: l.sources, profiles: o.Profiles,
	}, nil
}

// Module returns the settings of the module: a pointer to the struct that its section
// declared, with everything filled in. It returns nil for a module without settings.
func (l *Loaded) Module(name string) any {
	if v, ok := l.schema.modules[name]; ok {
		return v.Interface()
	}
	return nil
}

// loading is a configuration on its way.
type loading struct {
	options    Options
	schema     *schema
	environ    map[string]string
	dotenv     map[string]string
	file       *layer
	profile    string
	merged     *koanf.Koanf
	sources    map[string]string
	complaints []string
	warnings   []string
}

func (l *loading) complain(format string, args ...any) {
	l.complaints = append(l.complaints, fmt.Sprintf(format, args...))
}

func (l *loading) readEnvironment() {
	l.environ = splitEnviron(l.options.Environ)
}

// readFile reads the --config file, which may name the profile.
func (l *loading) readFile() {
	if l.options.File == "" {
		return
	}
	content, err := os.ReadFile(filepath.Clean(l.options.File))
	if err != nil {
		l.complain("--config: %v", err)
		return
	}
	l.file = l.readYAML(filepath.Base(l.options.File), content)
}

func (l *loading) chooseProfile() {
	l.profile = l.options.Profile
	if l.profile == "" {
		l.profile = l.environ["APP_ENV"]
	}
	if l.profile == "" && l.file != nil {
		l.profile, _ = l.file.values["app.env"].(string)
	}
	if l.profile == "" {
		l.profile = Development
	}
	if known := []string{Development, Production, Testing}; !slices.Contains(known, l.profile) {
		l.complain("APP_ENV: %q is not one of development, production, testing%s", short(l.profile), didYouMean(l.profile, known))
		// The strictest profile tells most of what else is wrong.
		l.profile = Production
	}
}

// readDotEnv reads .env in the development profile.
func (l *loading) readDotEnv() {
	if l.options.Dir == "" || l.profile != Development {
		return
	}
	content, err := os.ReadFile(filepath.Join(l.options.Dir, ".env"))
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		l.complain(".env: %v", err)
		return
	}
	values, err := dotenv.Parser().Unmarshal(content)
	if err != nil {
		// The parser quotes the line it stumbled over, which may hold a secret.
		l.complain(".env: it cannot be read: every line must be NAME=value")
		return
	}
	l.dotenv = make(map[string]string, len(values))
	for name, value := range values {
		if text, ok := value.(string); ok && text != "" {
			l.dotenv[name] = text
		}
	}
	if named, ok := l.dotenv["APP_ENV"]; ok && named != Development {
		l.complain(".env: it is read in development only and cannot set APP_ENV to %q; set APP_ENV in the environment", short(named))
	}
}

// addLayers merges the layers, lowest first.
func (l *loading) addLayers() {
	if l.options.Profiles != nil {
		name := l.profile + ".yaml"
		content, err := fs.ReadFile(l.options.Profiles, name)
		if err != nil {
			l.complain("%s: %v", name, err)
		} else {
			l.add(l.readYAML(name, content))
		}
	}
	l.add(l.file)
	l.add(l.readVariables(".env", l.dotenv))
	l.add(l.readVariables(environmentSource, l.environ))
	l.merged.Delete("app.env")
	l.schema.platform.App.Env = l.profile
}

func (l *loading) add(y *layer) {
	if y == nil {
		return
	}
	l.readSecretFiles(y)
	for key := range y.values {
		l.sources[key] = y.source
	}
	// A flat map always merges: it was checked against the keys that exist.
	if err := l.merged.Load(confmap.Provider(maps.Clone(y.values), delimiter), nil); err != nil {
		l.complain("%s: %v", y.source, err)
	}
}

// decode turns the merged values into those of the structs.
func (l *loading) decode() {
	for _, f := range l.schema.fields {
		value := l.merged.Get(f.key)
		if value == nil {
			continue
		}
		if problem := assign(f.target, value); problem != "" {
			l.complain("%s: %s", l.nameIn(f), problem)
		}
	}
	for name, rate := range l.schema.rates {
		l.schema.platform.RateLimit.Rates[name] = *rate
	}
}

// nameIn names the setting as its layer spells it.
func (l *loading) nameIn(f *field) string {
	switch source := l.sources[f.key]; source {
	case environmentSource:
		return f.env
	case ".env":
		return ".env: " + f.env
	default:
		return source + ": " + f.key
	}
}

// selection works out which modules and features are on. MODULES, when set, decides
// alone.
func (l *loading) selection() Selection {
	s := Selection{Features: map[string]map[string]bool{}}
	for _, m := range l.schema.sections {
		if *l.schema.enabled[m.Name] {
			s.Names = append(s.Names, m.Name)
		}
		features := make(map[string]bool, len(m.Features))
		for _, f := range m.Features {
			features[f.Name] = *l.schema.enabled[m.Name+delimiter+f.Name]
		}
		s.Features[m.Name] = features
	}
	slices.Sort(s.Names)
	if listed := *l.schema.listed; len(listed) > 0 {
		s.Names = listed
		l.checkListed(listed)
	}
	return s
}

// checkListed complains of names in MODULES that no module has.
func (l *loading) checkListed(listed []string) {
	known := make([]string, len(l.schema.sections))
	for i, m := range l.schema.sections {
		known[i] = m.Name
	}
	slices.Sort(known)
	for _, name := range listed {
		if !slices.Contains(known, name) {
			l.complain("modules.%s: there is no such module (have %s)", short(name), strings.Join(known, ", "))
		}
	}
}

// checkModules asks the modules that are on what they think of their settings.
func (l *loading) checkModules(s Selection) {
	for _, m := range l.schema.sections {
		target, ok := l.schema.modules[m.Name]
		if !ok || !slices.Contains(s.Names, m.Name) {
			continue
		}
		if v, ok := target.Interface().(Validator); ok {
			l.complainOf(modulePrefix+m.Name, v.Validate())
		}
	}
}

// complainOf spreads a section's joined complaints and names their keys in full.
func (l *loading) complainOf(prefix string, err error) {
	for _, one := range spread(err) {
		l.complaints = append(l.complaints, l.schema.qualify(prefix, one.Error()))
	}
}

// spread returns the errors that were joined into err.
func spread(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, spread(e)...)
	}
	return all
}

// isStruct reports whether v points to a struct.
func isStruct(v reflect.Value) bool {
	return v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.Struct
}
