package httpx

import (
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
)

// schemaPrefix is where the document keeps its schemas.
const schemaPrefix = "#/components/schemas/"

// schemaNames names the schemas of the document after their types. Modules do not know
// one another, so the second type of one name gets its package in front.
type schemaNames map[string]reflect.Type

func (n schemaNames) name(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	name := capital(huma.DefaultSchemaNamer(t, hint))
	if t.Kind() != reflect.Struct {
		return name // only structs are kept under their name
	}
	if other, taken := n[name]; taken && other != t {
		pkg := t.PkgPath()
		name = capital(pkg[strings.LastIndexByte(pkg, '/')+1:]) + name
	}
	n[name] = t
	return name
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}

// object makes the schema of an object whose members are all required.
func object(required []string, properties map[string]*huma.Schema) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required, AdditionalProperties: false}
	s.PrecomputeMessages()
	return s
}

// text makes the schema of a text.
func text(doc string, examples ...any) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: doc, Examples: examples}
}

// envelopeProperties are the members that every envelope has.
func envelopeProperties(success bool, code *huma.Schema) map[string]*huma.Schema {
	return map[string]*huma.Schema{
		"version":    {Type: huma.TypeString, Enum: []any{envelopeVersion}, Description: "Version of the envelope"},
		"success":    {Type: huma.TypeBoolean, Enum: []any{success}, Description: "Whether the operation succeeded"},
		"code":       code,
		"message":    text("One sentence for people"),
		"request_id": {Type: huma.TypeString, Pattern: "^[A-Za-z0-9._-]{1,64}$", Description: "The id that X-Request-ID, the log and the audit trail carry"},
	}
}

// successSchema is the envelope around data.
func successSchema(status int, data *huma.Schema, list bool) *huma.Schema {
	p := envelopeProperties(true, &huma.Schema{Type: huma.TypeInteger, Enum: []any{float64(status)}, Description: "The HTTP status"})
	p["data"] = data
	if list {
		p["meta"] = object([]string{"limit", "next_cursor"}, map[string]*huma.Schema{
			"limit":       {Type: huma.TypeInteger, Description: "How many rows were asked for"},
			"next_cursor": {Type: huma.TypeString, Nullable: true, Description: "The cursor of the next page; null on the last one"},
		})
	} else {
		p["meta"] = object(nil, nil)
	}
	return object([]string{"version", "success", "code", "message", "request_id", "data", "meta"}, p)
}

// errorEnvelopeSchema refers to the envelope of errors, and defines it at first.
func errorEnvelopeSchema(r huma.Registry) *huma.Schema {
	const name = "Error"
	if _, ok := r.Map()[name]; !ok {
		p := envelopeProperties(false, &huma.Schema{Type: huma.TypeInteger, Description: "The HTTP status"})
		p["error"] = object([]string{"type", "details"}, map[string]*huma.Schema{
			"type": text("The stable error type", "VALIDATION_ERROR"),
			"details": {
				Type: huma.TypeObject, AdditionalProperties: true,
				Description: "What else there is to say; for a VALIDATION_ERROR field to messages, _schema for the body as a whole",
			},
		})
		r.Map()[name] = object([]string{"version", "success", "code", "message", "request_id", "error"}, p)
	}
	return &huma.Schema{Ref: schemaPrefix + name}
}
