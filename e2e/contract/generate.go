package contract

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Valid makes up a value that the schema should accept. Examples win.
func (d *Document) Valid(r *rand.Rand, schema map[string]any, depth int) any {
	schema = d.resolve(schema)
	if depth > 6 {
		return nil
	}
	if example := exampleOf(schema); example != nil {
		return example
	}
	if c, ok := schema["const"]; ok {
		return c
	}
	if enum, ok := schema["enum"].([]any); ok && len(enum) > 0 {
		return enum[r.IntN(len(enum))]
	}
	for _, union := range []string{"oneOf", "anyOf"} {
		if list, ok := schema[union].([]any); ok && len(list) > 0 {
			return d.Valid(r, object(list[r.IntN(len(list))]), depth+1)
		}
	}
	switch kind(schema) {
	case "object":
		out := map[string]any{}
		for name, sub := range object(schema["properties"]) {
			out[name] = d.Valid(r, object(sub), depth+1)
		}
		return out
	case "array":
		return []any{d.Valid(r, object(schema["items"]), depth+1)}
	case "integer", "number":
		return 1 + r.IntN(20)
	case "boolean":
		return r.IntN(2) == 0
	case "string":
		return text(r, schema)
	default:
		return nil
	}
}

// kind is the type of a schema; of several the first that is not null.
func kind(schema map[string]any) string {
	switch t := schema["type"].(type) {
	case string:
		return t
	case []any:
		for _, one := range t {
			if s, ok := one.(string); ok && s != "null" {
				return s
			}
		}
	}
	if schema["properties"] != nil {
		return "object"
	}
	return ""
}

func text(r *rand.Rand, schema map[string]any) string {
	format, _ := schema["format"].(string)
	switch format {
	case "email", "idn-email":
		return fmt.Sprintf("fuzz-%x@example.com", r.Uint64())
	case "uri", "iri":
		return "https://example.com/x.png"
	case "uuid":
		return "018f3c6e-7b5a-7c3d-9e2f-0123456789ab"
	case "date-time":
		return "2026-01-02T03:04:05Z"
	}
	return fmt.Sprintf("Fuzz-%x-value", r.Uint64())
}

// Value is a JSON text that may be no JSON at all.
type Value string

// Nasty are values that parsers, validators and databases are known to trip over.
func Nasty() []Value {
	return []Value{
		`null`, `true`, `false`, `0`, `-1`, `1`, `1.5`, `1e400`, `-1e400`, `1E+2`, `9007199254740993`,
		`9223372036854775808`, `-9223372036854775809`, `99999999999999999999999999999999`, `0.1e-999`,
		`""`, `" "`, `"\u0000"`, `"a\u0000b"`, `"\u0001"`, `"\u001f"`, `"\u007f"`, `"\u0085"`, `"\ud800"`, `"\udc00\ud800"`,
		`"\uffff"`, `"\u202e"`, `"\u200b"`, `"\ufeff"`, `"é"`, `"e\u0301"`, `"ﬁ"`, `"😀"`, `"K"`,
		"\"\xff\xfe\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"a\nb\"", "\"\x00\"", `"\x"`, `"\u12"`, `"unterminated`,
		`"' OR '1'='1"`, `"'; DROP TABLE identity_users; --"`, `"%s%n%d"`, `"${jndi:x}"`, `"{{7*7}}"`, `"../../etc/passwd"`, `"?"`, `"$1"`, `"<script>"`,
		`"a@b"`, `"a@b.c"`, `"@"`, `"a@@b.c"`, `"a b@example.com"`, `"<a@example.com>"`, `"a@example.com\r\nBcc: x@example.com"`, `"\"q\"@example.com"`, `"a@[127.0.0.1]"`, `"ü@exämple.com"`, `"a@xn--"`,
		`"javascript:alert(1)"`, `"http://[::1"`, `"//x"`, `"https://x/ y"`, `"data:,"`, `"https://user:pass@x/"`,
		`"true"`, `"1"`, `"yes"`, `[]`, `[null]`, `[[[[]]]]`, `{}`, `{"":""}`, `{"a":{"a":{}}}`, `NaN`, `Infinity`, `undefined`, `01`, `+1`, `.5`, `1.`, `'x'`,
		Value(`"` + strings.Repeat("a", 129) + `"`), Value(`"` + strings.Repeat("a", 300) + `"`),
		Value(`"` + strings.Repeat("a", 70000) + `"`), Value(`"` + strings.Repeat("😀", 600) + `"`),
		Value(`"` + strings.Repeat("a", 250) + `@` + strings.Repeat("b", 250) + `.com"`),
		Value(`"https://example.com/` + strings.Repeat("x", 600) + `"`),
		Value(strings.Repeat("[", 2000) + strings.Repeat("]", 2000)),
		Value(strings.Repeat(`{"a":`, 5000) + `1` + strings.Repeat("}", 5000)),
		Value(strings.Repeat("[", 100000)),
	}
}

// Documents are whole bodies that are no object, or not JSON, or too much of it.
func Documents() []Value {
	return []Value{
		``, ` `, `{`, `}`, `{}`, `{}{}`, `{} {}`, `{},`, `null`, `[]`, `[{}]`, `"x"`, `1`, `true`, "\xef\xbb\xbf{}", "\x00", "{\"a\":1,}",
		`{"a":1,"a":2}`, `{"a" 1}`, `{a:1}`, `{"":1}`, `{"$schema":"x"}`, `{"__proto__":{"x":1}}`, "{\"\xff\":1}", `{"\ud800":1}`, `/* */{}`,
		"<a/>", "a=b&c=d", "--x\r\n", "\x1f\x8b\x08\x00", Value(strings.Repeat(" ", 5000)), Value(strings.Repeat("{", 100000)),
		Value(`{"a":"` + strings.Repeat("x", 1<<20) + `"}`), Value("[" + strings.Repeat("0,", 200000) + "0]"),
		Value(strings.Repeat(`{"a":`, 20000)),
	}
}

// Names are what names of members are turned into.
func Names(name string) []string {
	return []string{strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:], name + " ", " " + name, name + "\u0000", strings.ReplaceAll(name, "s", "ſ"), name + ".x", name + "[]"}
}
