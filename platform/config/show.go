package config

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

// Row is one setting in the table of all settings.
type Row struct {
	// Key is its spelling in YAML.
	Key string
	// Env are the variables that set it: its own and, for secrets, that of its file.
	Env []string
	// Default is the value of an installation that sets nothing, followed by those of
	// the profiles that differ: "12; production 13; testing 4".
	Default string
	// Doc says what it is for.
	Doc string
	// Secret is true for values that are never shown.
	Secret bool
}

// Setting is one setting in force.
type Setting struct {
	// Key is its spelling in YAML.
	Key string `json:"key"`
	// Value is its value, [secret] for secrets that are set.
	Value string `json:"value"`
	// Source is the layer that set it: default, a file, .env or environment.
	Source string `json:"source"`
}

// Table returns every setting of the platform and of the modules it was loaded for,
// those of the platform first, in the order of their declaration.
func (l *Loaded) Table() []Row {
	fresh, err := newSchema(l.schema.sections)
	if err != nil {
		return nil
	}
	profiles := readProfiles(l.profiles)
	rows := make([]Row, 0, len(fresh.fields))
	for _, f := range fresh.fields {
		row := Row{Key: f.key, Env: []string{f.env}, Default: f.initial, Doc: f.doc, Secret: f.secret}
		if f.secret {
			row.Env = append(row.Env, f.env+strings.ToUpper(fileSuffix))
		}
		if f.key == listedKey {
			row.Key = ""
		}
		for _, name := range []string{Development, Production, Testing} {
			if value := profiles[name].Get(f.key); value != nil && f.key != listedKey {
				if assign(f.target, value) == "" && textOf(f.target) != f.initial {
					row.Default += "; " + name + " " + textOf(f.target)
				}
			}
		}
		row.Default = strings.TrimPrefix(row.Default, "; ")
		rows = append(rows, row)
	}
	return rows
}

// readProfiles parses the profiles' files; one that is missing or wrong is empty.
func readProfiles(files fs.FS) map[string]*koanf.Koanf {
	all := map[string]*koanf.Koanf{}
	for _, name := range []string{Development, Production, Testing} {
		k := koanf.New(delimiter)
		if files != nil {
			if content, err := fs.ReadFile(files, name+".yaml"); err == nil {
				// A file that cannot be read was complained of when it was loaded.
				_ = k.Load(rawbytes.Provider(content), yaml.Parser())
			}
		}
		all[name] = k
	}
	return all
}

// Settings returns every setting in force, sorted by key, without showing secrets.
func (l *Loaded) Settings() []Setting {
	all := make([]Setting, 0, len(l.schema.fields))
	for _, f := range l.schema.fields {
		if f.key == listedKey {
			all = append(all, Setting{Key: f.key, Value: strings.Join(l.Selection.Names, ","), Source: l.source(f.key)})
			continue
		}
		all = append(all, Setting{Key: f.key, Value: textOf(f.target), Source: l.source(f.key)})
	}
	slices.SortFunc(all, func(a, b Setting) int { return strings.Compare(a.Key, b.Key) })
	return all
}

func (l *Loaded) source(key string) string {
	if s := l.sources[key]; s != "" {
		return s
	}
	return "default"
}

// Dump prints the settings in force, one a line, without showing secrets.
func (l *Loaded) Dump() string {
	var b strings.Builder
	for _, s := range l.Settings() {
		b.WriteString(s.Key + ": " + s.Value + "  (" + s.Source + ")\n")
	}
	return b.String()
}
