package httpx

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/authy2/backend/platform/apperr"
)

// wholeBody is the field of complaints about the body as a whole.
const wholeBody = "_schema"

// maxViolations bounds how much a client can make us say.
const maxViolations = 100

// violations collects what is wrong with a request: field to messages, where members of
// objects are joined by dots and elements of lists are nested under their index.
type violations map[string]any

// add notes a complaint about a field of the top level. Nothing is said twice.
func (v violations) add(field, message string) {
	if list, ok := v[field].([]string); ok {
		if !slices.Contains(list, message) {
			v[field] = append(list, message)
		}
		return
	}
	if nested, ok := v[field].(map[string]any); ok {
		violations(nested).add(wholeBody, message)
		return
	}
	if len(v) < maxViolations {
		v[field] = []string{message}
	}
}

// at notes a complaint about the value that path leads to.
func (v violations) at(path []step, message string) {
	for {
		name, rest := fieldName(path)
		if len(rest) == 0 {
			v.add(name, message)
			return
		}
		nested, ok := v[name].(map[string]any)
		if !ok {
			if len(v) >= maxViolations {
				return
			}
			nested = map[string]any{}
			if list, had := v[name].([]string); had {
				nested[wholeBody] = list
			}
			v[name] = nested
		}
		v, path = nested, rest
	}
}

// err returns all complaints as one error, or nil.
func (v violations) err() *apperr.Error {
	if len(v) == 0 {
		return nil
	}
	err := apperr.ErrValidation
	for field, messages := range v {
		err = err.With(field, messages)
	}
	return err
}

// step is one step into a body: a member, or an element when name is empty.
type step struct {
	name  string
	index int
}

// fieldName returns the leading steps of path as one field, and the steps that follow:
// an index starts a field of its own.
func fieldName(path []step) (string, []step) {
	if len(path) == 0 {
		return wholeBody, nil
	}
	if path[0].name == "" {
		return strconv.Itoa(path[0].index), path[1:]
	}
	n := 1
	for n < len(path) && path[n].name != "" {
		n++
	}
	if n == 1 {
		return path[0].name, path[1:]
	}
	names := make([]string, n)
	for i := range n {
		names[i] = path[i].name
	}
	return strings.Join(names, "."), path[n:]
}

// safeName returns a name that a client made up in a form fit for the answer: what is
// long or cannot be printed is the body as a whole.
func safeName(name string) string {
	if name == "" || len(name) > 64 || !utf8.ValidString(name) {
		return wholeBody
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return wholeBody
		}
	}
	return name
}

// fieldOf turns huma's location, such as body.email or query.limit, into a field.
func fieldOf(location string) string {
	_, field, ok := strings.Cut(location, ".")
	if !ok || field == "" {
		return wholeBody
	}
	return field
}
