package compose

import (
	"fmt"
	"strings"
)

// ParseEnv reads an environment file: NAME=value lines without quotes. The last one wins.
func ParseEnv(text string) (map[string]string, error) {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || strings.ContainsAny(name, " \t") {
			return nil, fmt.Errorf("compose: %q is not NAME=value", name)
		}
		if strings.ContainsAny(value, `"'$`) || strings.Contains(value, " #") {
			return nil, fmt.Errorf("compose: the value of %s has characters that Docker reads in ways of its own", name)
		}
		values[name] = value
	}
	return values, nil
}
