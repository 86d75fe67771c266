package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
)

const environmentSource = "environment"

// layer is one source of settings: known keys, each with a scalar or a list.
type layer struct {
	source string
	values map[string]any
	// files are secrets given as files: key to path.
	files map[string]string
}

// splitEnviron returns the variables that are set to something; the last one wins.
func splitEnviron(environ []string) map[string]string {
	variables := make(map[string]string, len(environ))
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if !ok {
			continue
		}
		delete(variables, name)
		if strings.TrimSpace(value) != "" {
			variables[name] = value
		}
	}
	return variables
}

// readVariables picks our variables and warns of those that nearly are.
func (l *loading) readVariables(source string, variables map[string]string) *layer {
	y := &layer{source: source, values: map[string]any{}, files: map[string]string{}}
	known := l.schema.envNames()
	names := make([]string, 0, len(variables))
	for name := range variables {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if f := l.schema.byEnv[name]; f != nil {
			y.values[f.key] = variables[name]
			continue
		}
		if base, ok := strings.CutSuffix(name, strings.ToUpper(fileSuffix)); ok {
			if f := l.schema.byEnv[base]; f != nil && f.secret {
				y.files[f.key] = variables[name]
				continue
			}
		}
		if best, ok := nearest(name, known); ok {
			l.warnings = append(l.warnings, fmt.Sprintf("%s: %s is not read; did you mean %s?", source, name, best))
		}
	}
	return y
}

// readYAML reads a file strictly: every key that nothing reads is a complaint.
func (l *loading) readYAML(source string, content []byte) *layer {
	y := &layer{source: source, values: map[string]any{}, files: map[string]string{}}
	k := koanf.New(delimiter)
	if err := k.Load(rawbytes.Provider(content), yaml.Parser()); err != nil {
		l.complain("%s: %s", source, yamlProblem(err))
		return y
	}
	l.walk(y, "", k.Raw())
	return y
}

// yamlProblem says what is wrong with the text without the parts of it that the parser
// quotes, because they may be secrets.
func yamlProblem(err error) string {
	text := err.Error()
	if strings.Contains(text, "`") || strings.Contains(text, "cannot unmarshal") {
		return "it must be a mapping of keys to values"
	}
	return strings.ReplaceAll(text, "\n", " ")
}

func (l *loading) walk(y *layer, path string, values map[string]any) {
	for name, value := range values {
		key := name
		if path != "" {
			key = path + delimiter + name
		}
		nested, isMap := value.(map[string]any)
		switch f := l.schema.byKey[key]; {
		case strings.Contains(name, delimiter):
			l.complain("%s: %s: write nested keys on lines of their own", y.source, short(key))
		case key == "app.env" && y.source != l.fileName():
			l.complain("%s: app.env: a profile cannot choose the profile; set APP_ENV", y.source)
		case f != nil && key != listedKey && isMap:
			l.complain("%s: %s: must be a value, not a section", y.source, key)
		case f != nil && key != listedKey:
			if value != nil {
				y.values[key] = value
			}
		case l.secretFile(key) != "":
			if path, ok := value.(string); ok {
				y.files[l.secretFile(key)] = path
			} else if value != nil {
				l.complain("%s: %s: must be the path of a file", y.source, key)
			}
		case l.schema.isSection(key) && (isMap || value == nil):
			l.walk(y, key, nested)
		case l.schema.isSection(key):
			l.complain("%s: %s: must be a section of keys, not a value", y.source, key)
		default:
			l.complainUnknown(y.source, path, name)
		}
	}
}

// fileName returns the name under which the --config file is complained of.
func (l *loading) fileName() string {
	if l.options.File == "" {
		return ""
	}
	return filepath.Base(l.options.File)
}

func (l *loading) complainUnknown(source, path, name string) {
	key, noun := name, "key"
	if path != "" {
		key = path + delimiter + name
	}
	have := l.schema.siblings(key)
	if path+delimiter == modulePrefix {
		noun = "module"
	}
	hint := didYouMean(name, have)
	if hint == "" && len(have) > 0 {
		hint = " (have " + strings.Join(have, ", ") + ")"
	}
	l.complain("%s: %s: unknown %s%s", source, short(key), noun, hint)
}

// secretFile returns the key of the secret that key names the file of, or "".
func (l *loading) secretFile(key string) string {
	base, ok := strings.CutSuffix(key, fileSuffix)
	if f := l.schema.byKey[base]; ok && f != nil && f.secret {
		return base
	}
	return ""
}

// readSecretFiles replaces paths by what the files hold.
func (l *loading) readSecretFiles(y *layer) {
	for key, path := range y.files {
		f := l.schema.byKey[key]
		name := f.env + strings.ToUpper(fileSuffix)
		if _, both := y.values[key]; both {
			l.complain("%s: %s and %s are both set; keep one", y.source, f.env, name)
			continue
		}
		content, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			l.complain("%s: %s: %v", y.source, name, err)
			continue
		}
		text := strings.TrimRight(string(content), "\r\n")
		if text == "" {
			l.complain("%s: %s: the file is empty", y.source, name)
			continue
		}
		y.values[key] = text
	}
}
