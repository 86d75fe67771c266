package skeleton

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/format"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"
)

//go:embed files/*.tmpl
var files embed.FS

// module is what the templates are filled with.
type module struct {
	// Name is the module's name; Dashed is how paths spell it, Title how people do.
	Name, Dashed, Title string
	// GoLine and Requires are taken from the go.mod of the platform, so that the new
	// module builds with what the workspace has.
	GoLine, Requires string
}

var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)

// isReserved reports whether the name means something else already.
func isReserved(name string) bool {
	switch name {
	case "platform", "enabled", "cmd", "configs", "e2e", "migrations", "modules", "docker", "main", "work", "std", "river":
		return true
	default:
		return token.IsKeyword(name)
	}
}

// Make writes the skeleton of a module into the workspace at root and returns the paths
// that it wrote, relative to root. It refuses a name that is not lower-case letters,
// digits and underscores, and one that is taken; it never replaces a file. now dates the
// first migration.
func Make(root, name string, now time.Time) ([]string, error) {
	if !namePattern.MatchString(name) || isReserved(name) {
		return nil, fmt.Errorf("skeleton: %q is not a name for a module: lower-case letters, digits and underscores, starting with a letter, and no word of Go", name)
	}
	for _, taken := range []string{"modules/" + name, "migrations/" + name} {
		if _, err := os.Stat(filepath.Join(root, taken)); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("skeleton: %s is there already", taken)
		}
	}
	m, err := newModule(root, name)
	if err != nil {
		return nil, err
	}
	changed, err := plan(root, m, now)
	if err != nil {
		return nil, err
	}
	paths := make([]string, 0, len(changed))
	for path := range changed {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o750); err != nil {
			return nil, fmt.Errorf("skeleton: %w", err)
		}
		if err := os.WriteFile(full, changed[path], 0o644); err != nil { //nolint:gosec // sources are for everybody to read
			return nil, fmt.Errorf("skeleton: %w", err)
		}
	}
	return paths, nil
}

// newModule reads from the workspace what the templates need.
func newModule(root, name string) (module, error) {
	content, err := os.ReadFile(filepath.Join(root, "platform", "go.mod")) //nolint:gosec // the developer's own workspace
	if err != nil {
		return module{}, fmt.Errorf("skeleton: %s is not the workspace: %w", root, err)
	}
	m := module{Name: name, Dashed: strings.ReplaceAll(name, "_", "-")}
	m.Title = strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " ")
	var requires []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "go "):
			m.GoLine = line
		case requirement.MatchString(line) && !strings.Contains(line, "github.com/authy2/"):
			line = strings.TrimPrefix(line, "require ")
			line = strings.TrimSuffix(line, " // indirect")
			// These two the skeleton imports itself.
			if !strings.HasPrefix(line, "github.com/uptrace/bun ") && !strings.HasPrefix(line, "go.uber.org/fx ") {
				line += " // indirect"
			}
			requires = append(requires, "\t"+line)
		}
	}
	m.Requires = "require (\n" + strings.Join(requires, "\n") + "\n)\n"
	return m, nil
}

// requirement is a line of go.mod that requires a module: path and version.
var requirement = regexp.MustCompile(`^(require )?[a-z0-9.-]+\.[a-z]+/\S+ v\S+( // indirect)?$`)

// plan returns every file that is written, by its path.
func plan(root string, m module, now time.Time) (map[string][]byte, error) {
	changed := map[string][]byte{}
	stamp := now.UTC().Format("20060102150405")
	home, line := "modules/"+m.Name+"/", "migrations/"+m.Name+"/"
	for template, path := range map[string]string{
		"doc.go": home + "doc.go", "config.go": home + "config.go", "ports.go": home + "ports.go", "module.go": home + "module.go",
		"handler.go": home + "handler.go", "service.go": home + "service.go", "store.go": home + "store.go",
		"module_test.go": home + "module_test.go", "go.mod": home + "go.mod",
		"embed.go": line + "embed.go",
		"up.sql":   line + stamp + "_create_items.tx.up.sql",
		"down.sql": line + stamp + "_create_items.tx.down.sql",
	} {
		content, err := m.fill(template)
		if err != nil {
			return nil, err
		}
		changed[path] = content
	}
	sums, err := os.ReadFile(filepath.Join(root, "platform", "go.sum")) //nolint:gosec // the developer's own workspace
	if err != nil {
		return nil, fmt.Errorf("skeleton: %w", err)
	}
	changed[home+"go.sum"] = sums
	return changed, m.join(root, changed)
}

// fill fills a template and formats it if it is Go.
func (m module) fill(name string) ([]byte, error) {
	t, err := template.New(name+".tmpl").Delims("<<", ">>").ParseFS(files, "files/"+name+".tmpl")
	if err != nil {
		return nil, fmt.Errorf("skeleton: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, m); err != nil {
		return nil, fmt.Errorf("skeleton: %w", err)
	}
	if !strings.HasSuffix(name, ".go") {
		return out.Bytes(), nil
	}
	formatted, err := format.Source(out.Bytes())
	if err != nil {
		return nil, fmt.Errorf("skeleton: %s: %w", name, err)
	}
	return formatted, nil
}

// join gives the module its places in go.work and in the lint rules.
func (m module) join(root string, changed map[string][]byte) error {
	work, err := insert(filepath.Join(root, "go.work"), "\t./platform\n", "\t./modules/"+m.Name+"\n", false)
	if err != nil {
		return err
	}
	changed["go.work"] = work
	lint := filepath.Join(root, ".golangci.yml")
	if _, err := os.Stat(lint); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	rules, err := insert(lint, "        platform:\n          list-mode: lax\n", m.lintRule(), true)
	if err != nil {
		return err
	}
	changed[".golangci.yml"] = rules
	return nil
}

// insert returns the file with text put before anchor.
func insert(path, anchor, text string, optional bool) ([]byte, error) {
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("skeleton: %w", err)
	}
	before, after, found := strings.Cut(string(content), anchor)
	if !found {
		if optional {
			return content, nil
		}
		return nil, fmt.Errorf("skeleton: %s has no line %q to put the module before", filepath.Base(path), strings.TrimSpace(anchor))
	}
	return []byte(before + text + anchor + after), nil
}

// lintRule is the module's block among the rules of who may import whom.
func (m module) lintRule() string {
	return strings.ReplaceAll(`        NAME:
          list-mode: lax
          files: ["**/modules/NAME/**"]
          allow:
            - github.com/authy2/backend/modules/NAME
            - github.com/authy2/backend/migrations/NAME
          deny:
            - {pkg: github.com/authy2/backend/modules, desc: "declare a port in ports.go; cmd/authy2 wires it"}
            - {pkg: github.com/authy2/backend/migrations, desc: "only this module's own line"}
            - {pkg: github.com/authy2/backend/cmd, desc: "cmd is above the modules"}
`, "NAME", m.Name)
}
