package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/authy2/backend/platform/secret"
)

const (
	delimiter    = "."
	modulePrefix = "modules."
	ratePrefix   = "ratelimit."
	fileSuffix   = "_file"
	// listedKey is where MODULES is kept. It has no spelling in YAML, where each module
	// has its own switch.
	listedKey = "MODULES"
)

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// field is one setting: its names, its documentation and where its value goes.
type field struct {
	key, env, doc string
	secret        bool
	// initial is the default as text.
	initial string
	target  reflect.Value
}

// schema is every setting there is, with fresh copies of the structs they fill.
type schema struct {
	sections []Section
	fields   []*field
	byKey    map[string]*field
	byEnv    map[string]*field
	platform *Platform
	modules  map[string]reflect.Value
	enabled  map[string]*bool
	rates    map[string]*string
	listed   *[]string
}

// newSchema collects the settings. Its error is a mistake in a declaration.
func newSchema(sections []Section) (*schema, error) {
	platform := Defaults()
	platform.RateLimit.Rates = map[string]string{}
	s := &schema{
		sections: sections, platform: &platform,
		byKey: map[string]*field{}, byEnv: map[string]*field{},
		modules: map[string]reflect.Value{}, enabled: map[string]*bool{},
		rates: map[string]*string{}, listed: new([]string),
	}
	if err := s.addStruct("", "", reflect.ValueOf(s.platform).Elem()); err != nil {
		return nil, err
	}
	err := s.add(&field{
		key: listedKey, env: "MODULES", target: reflect.ValueOf(s.listed).Elem(), initial: "all",
		doc: "Comma separated list of the modules that are on. It wins over modules.<name>.enabled.",
	})
	if err != nil {
		return nil, err
	}
	for _, m := range sections {
		if err := s.addSection(m); err != nil {
			return nil, fmt.Errorf("config: module %q: %w", m.Name, err)
		}
	}
	return s, nil
}

func (s *schema) addSection(m Section) error {
	if !namePattern.MatchString(m.Name) {
		return fmt.Errorf("its name must be lower-case letters, digits and underscores")
	}
	prefix := modulePrefix + m.Name + delimiter
	if err := s.addSwitch(m.Name, prefix+"enabled", "Switch of the module "+m.Name+": "+m.Doc, true); err != nil {
		return err
	}
	for _, f := range m.Features {
		if !namePattern.MatchString(f.Name) {
			return fmt.Errorf("feature %q: a name is lower-case letters, digits and underscores", f.Name)
		}
		if err := s.addSwitch(m.Name+delimiter+f.Name, prefix+f.Name+delimiter+"enabled", f.Doc, !f.Off); err != nil {
			return err
		}
	}
	for _, limit := range m.Limits {
		if !namePattern.MatchString(limit.Name) {
			return fmt.Errorf("limit %q: a name is lower-case letters, digits and underscores", limit.Name)
		}
		rate := limit.Default
		s.rates[limit.Name] = &rate
		err := s.add(&field{
			key: ratePrefix + limit.Name, env: "RATELIMIT_" + strings.ToUpper(limit.Name),
			doc: limit.Doc, initial: limit.Default, target: reflect.ValueOf(&rate).Elem(),
		})
		if err != nil {
			return err
		}
	}
	if m.Config == nil {
		return nil
	}
	defaults := reflect.ValueOf(m.Config)
	if !isStruct(defaults) {
		return fmt.Errorf("its configuration is a %T and must be a pointer to a struct", m.Config)
	}
	own := reflect.New(defaults.Type().Elem())
	own.Elem().Set(defaults.Elem())
	s.modules[m.Name] = own
	return s.addStruct(prefix, strings.ToUpper(m.Name)+"_", own.Elem())
}

func (s *schema) addSwitch(name, key, doc string, on bool) error {
	value := on
	s.enabled[name] = &value
	return s.add(&field{
		key: key, env: envName(key), doc: doc, initial: textOf(reflect.ValueOf(on)),
		target: reflect.ValueOf(&value).Elem(),
	})
}

// addStruct adds the fields of v, whose keys start with prefix and whose variables, where
// no tag says otherwise, with envPrefix.
func (s *schema) addStruct(prefix, envPrefix string, v reflect.Value) error {
	for i := range v.NumField() {
		spec := v.Type().Field(i)
		name := spec.Tag.Get("conf")
		if name == "-" || !spec.IsExported() {
			continue
		}
		if !namePattern.MatchString(name) {
			return fmt.Errorf("config: field %s of %s needs a conf tag of lower-case letters, digits and underscores", spec.Name, v.Type())
		}
		key, env := prefix+name, envPrefix+strings.ToUpper(name)
		if spec.Type.Kind() == reflect.Struct && !readable(spec.Type) {
			if err := s.addStruct(key+delimiter, env+"_", v.Field(i)); err != nil {
				return err
			}
			continue
		}
		if !readable(spec.Type) {
			return fmt.Errorf("config: field %s of %s: a %s cannot be read from text", spec.Name, v.Type(), spec.Type)
		}
		if tag := spec.Tag.Get("env"); tag != "" {
			env = tag
		}
		err := s.add(&field{
			key: key, env: env, doc: spec.Tag.Get("doc"), secret: isA[secret.String](spec.Type),
			initial: textOf(v.Field(i)), target: v.Field(i),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *schema) add(f *field) error {
	if s.byKey[f.key] != nil {
		return fmt.Errorf("config: the key %s is declared twice", f.key)
	}
	if s.byEnv[f.env] != nil {
		return fmt.Errorf("config: the variable %s is declared twice (%s, %s)", f.env, s.byEnv[f.env].key, f.key)
	}
	s.byKey[f.key], s.byEnv[f.env] = f, f
	s.fields = append(s.fields, f)
	return nil
}

// envName returns the variable of a key that has no other: its path in capitals.
func envName(key string) string {
	return strings.ToUpper(strings.ReplaceAll(key, delimiter, "_"))
}

// isSection reports whether keys continue below path.
func (s *schema) isSection(path string) bool {
	for key := range s.byKey {
		if strings.HasPrefix(key, path+delimiter) {
			return true
		}
	}
	return false
}

// siblings returns what may stand where the last part of path stands.
func (s *schema) siblings(path string) []string {
	parent := path[:strings.LastIndex(path, delimiter)+1]
	names := map[string]bool{}
	for key, f := range s.byKey {
		rest, ok := strings.CutPrefix(key, parent)
		if !ok || key == listedKey {
			continue
		}
		first, _, deeper := strings.Cut(rest, delimiter)
		names[first] = true
		if f.secret && !deeper {
			names[first+fileSuffix] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// envNames returns every variable that is looked at.
func (s *schema) envNames() []string {
	var names []string
	for env, f := range s.byEnv {
		names = append(names, env)
		if f.secret {
			names = append(names, env+strings.ToUpper(fileSuffix))
		}
	}
	return names
}

// qualify writes a section's complaint ("idle_timeout: must be positive") with the full
// key and the variable, if it starts with a key of the section.
func (s *schema) qualify(prefix, complaint string) string {
	name, rest, found := strings.Cut(complaint, ":")
	full := name
	if prefix != "" {
		full = prefix + delimiter + name
	}
	if f := s.byKey[full]; found && f != nil {
		return full + " (" + f.env + "):" + rest
	}
	if prefix == "" {
		return complaint
	}
	return prefix + ": " + complaint
}
