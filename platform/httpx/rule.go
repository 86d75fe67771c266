package httpx

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// FormatMultiline is the format of texts that may hold line breaks and tabs. In all
// other texts every control character is refused.
const FormatMultiline = "multiline"

// FormatPassword is the format of passwords, whose length is counted in code points after
// Unicode normalization NFKC, the form in which they are hashed.
const FormatPassword = "password"

// rule is a schema of the document, made ready to check requests by. Requests are thus
// judged by what the document says, and by nothing else.
type rule struct {
	// kind is the JSON Schema type; empty takes any value.
	kind       string
	nullable   bool
	required   bool
	format     string
	pattern    *regexp.Regexp
	enum       []any
	minLength  int
	maxLength  int // -1 is unbounded
	minimum    *float64
	maximum    *float64
	minItems   int
	maxItems   int // -1 is unbounded
	unique     bool
	items      *rule
	properties map[string]*rule
	// mandatory are the names of the required properties, in order.
	mandatory []string
	// extra judges members that have no property: nil refuses them.
	extra *rule
}

// compiler turns schemas into rules. Schemas may refer to themselves.
type compiler struct {
	registry huma.Registry
	done     map[*huma.Schema]*rule
}

// compileRule makes the rule of a schema. It panics on a pattern that does not compile,
// which mounting reports.
func compileRule(registry huma.Registry, s *huma.Schema) *rule {
	c := compiler{registry: registry, done: map[*huma.Schema]*rule{}}
	return c.compile(s)
}

func (c compiler) compile(s *huma.Schema) *rule {
	for s != nil && s.Ref != "" {
		s = c.registry.SchemaFromRef(s.Ref)
	}
	if s == nil {
		return &rule{maxLength: -1, maxItems: -1}
	}
	if r, ok := c.done[s]; ok {
		return r
	}
	r := &rule{
		kind: s.Type, nullable: s.Nullable, format: s.Format, enum: s.Enum, unique: s.UniqueItems,
		minimum: s.Minimum, maximum: s.Maximum,
		minLength: orElse(s.MinLength, 0), maxLength: orElse(s.MaxLength, -1),
		minItems: orElse(s.MinItems, 0), maxItems: orElse(s.MaxItems, -1),
		mandatory: s.Required,
	}
	c.done[s] = r
	if s.Pattern != "" {
		r.pattern = regexp.MustCompile(s.Pattern)
	}
	if s.Items != nil {
		r.items = c.compile(s.Items)
	}
	if s.Type == huma.TypeObject {
		r.properties = make(map[string]*rule, len(s.Properties))
		for name, p := range s.Properties {
			r.properties[name] = c.compile(p)
		}
		switch extra := s.AdditionalProperties.(type) {
		case bool:
			if extra {
				r.extra = c.compile(nil)
			}
		case *huma.Schema:
			r.extra = c.compile(extra)
		}
	}
	return r
}

func orElse(p *int, other int) int {
	if p == nil {
		return other
	}
	return *p
}

// The messages of the predecessor, which strict clients may have seen.
const (
	msgMissing   = "Missing data for required field."
	msgNull      = "Field may not be null."
	msgUnknown   = "Unknown field."
	msgRepeated  = "Repeated field."
	msgInvalid   = "Not a valid value."
	msgInput     = "Invalid input type."
	msgString    = "Not a valid string."
	msgBoolean   = "Not a valid boolean."
	msgInteger   = "Not a valid integer."
	msgNumber    = "Not a valid number."
	msgList      = "Not a valid list."
	msgEmail     = "Not a valid email address."
	msgURL       = "Not a valid URL."
	msgTime      = "Not a valid datetime."
	msgUUID      = "Not a valid UUID."
	msgPattern   = "String does not match expected pattern."
	msgDuplicate = "Repeated item."
	msgControl   = "Control characters are not allowed."
)

// lengthMessage says which length was expected.
func lengthMessage(lowest, highest int) string {
	switch {
	case lowest > 0 && highest >= 0 && lowest != highest:
		return fmt.Sprintf("Length must be between %d and %d.", lowest, highest)
	case lowest > 0 && highest >= 0:
		return fmt.Sprintf("Length must be %d.", lowest)
	case highest >= 0:
		return fmt.Sprintf("Longer than maximum length %d.", highest)
	default:
		return fmt.Sprintf("Shorter than minimum length %d.", lowest)
	}
}

// rangeMessage says which numbers were expected.
func rangeMessage(lowest, highest *float64) string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	switch {
	case lowest != nil && highest != nil:
		return "Must be greater than or equal to " + number(*lowest) + " and less than or equal to " + number(*highest) + "."
	case lowest != nil:
		return "Must be greater than or equal to " + number(*lowest) + "."
	default:
		return "Must be less than or equal to " + number(*highest) + "."
	}
}

// enumMessage says which values were expected.
func enumMessage(values []any) string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = fmt.Sprint(v)
	}
	return "Must be one of: " + strings.Join(names, ", ") + "."
}
