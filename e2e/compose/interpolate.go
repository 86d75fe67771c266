package compose

import (
	"fmt"
	"strings"
)

// Interpolate replaces ${NAME}, ${NAME:-default} and ${NAME:?message} in text, where a
// variable without a value counts as not set, and $$ by $. used, unless nil, is told the
// names.
func Interpolate(text string, env map[string]string, used func(name string)) (string, error) {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "$")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		if after, escaped := strings.CutPrefix(rest, "$"); escaped {
			b.WriteByte('$')
			text = after
			continue
		}
		inner, after, closed := strings.Cut(rest, "}")
		if !strings.HasPrefix(inner, "{") || !closed {
			return "", fmt.Errorf("compose: %q: write ${NAME}, or $$ for a dollar", text)
		}
		value, err := expand(inner[1:], env, used)
		if err != nil {
			return "", err
		}
		b.WriteString(value)
		text = after
	}
}

// expand gives the value of what stands between the braces.
func expand(inner string, env map[string]string, used func(name string)) (string, error) {
	name, operand, operator := inner, "", ""
	if i := strings.IndexByte(inner, ':'); i >= 0 && i+1 < len(inner) {
		name, operator, operand = inner[:i], inner[i:i+2], inner[i+2:]
	}
	if name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
		return "", fmt.Errorf("compose: %q names no variable", inner)
	}
	if used != nil {
		used(name)
	}
	value := env[name]
	switch {
	case value != "" || operator == "":
		return value, nil
	case operator == ":-":
		return operand, nil
	case operator == ":?":
		return "", fmt.Errorf("compose: %s %s", name, operand)
	default:
		return "", fmt.Errorf("compose: %q: the operator is not known here", inner)
	}
}
