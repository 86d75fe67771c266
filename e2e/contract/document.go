package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const resource = "https://authy2.invalid/openapi.json"

// Document is a parsed OpenAPI document.
type Document struct {
	// Operations are in the order of their paths and methods.
	Operations []*Operation

	root     map[string]any
	mu       sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
}

// Operation is one operation of the document.
type Operation struct {
	ID, Method, Path string
	// Public is true when no security is required.
	Public bool
	// Knows is true when a session may be sent though none is required.
	Knows bool
	// Permission is what the caller's role must grant, or empty.
	Permission string
	// StepUp is how recently the caller must have proved who they are, or empty.
	StepUp string
	// Streams are the media types besides JSON that a success can be answered in, sorted.
	Streams []string
	// Parameters are those of the path, the query and the headers.
	Parameters []Parameter
	// Body is the schema of the JSON body; nil when there is none.
	Body map[string]any
	// Example is the example of the body, or nil.
	Example any

	doc       *Document
	responses map[string]any
	pointer   string
	segments  []string
}

// Parameter is one parameter of an operation.
type Parameter struct {
	Name, In string
	Schema   map[string]any
	Example  any
}

// Parse reads a document.
func Parse(raw []byte) (*Document, error) {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	root, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("contract: the document is no object")
	}
	if v, _ := root["openapi"].(string); !strings.HasPrefix(v, "3.1.") {
		return nil, fmt.Errorf("contract: openapi is %q, want 3.1", v)
	}
	d := &Document{root: root, compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(resource, root); err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	paths := object(root["paths"])
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := object(paths[path])
		for _, method := range []string{"get", "put", "post", "delete", "patch"} {
			if item[method] != nil {
				d.Operations = append(d.Operations, d.operation(path, method, object(item[method])))
			}
		}
	}
	return d, nil
}

func (d *Document) operation(path, method string, raw map[string]any) *Operation {
	o := &Operation{
		Method: strings.ToUpper(method), Path: path, doc: d,
		pointer:   "#/paths/" + escape(path) + "/" + method,
		responses: object(raw["responses"]),
		segments:  strings.Split(path, "/"),
	}
	o.ID, _ = raw["operationId"].(string)
	security, given := raw["security"]
	if !given {
		security = d.root["security"]
	}
	schemes, _ := security.([]any)
	// An empty requirement makes the others optional (OpenAPI 3.1 §4.8.10).
	open := slices.ContainsFunc(schemes, func(s any) bool { return len(object(s)) == 0 })
	o.Public, o.Knows = len(schemes) == 0 || open, len(schemes) > 1 && open
	o.Permission, _ = raw["x-permission"].(string)
	o.StepUp, _ = raw["x-step-up"].(string)
	o.Streams = d.streams(o.responses)
	list, _ := raw["parameters"].([]any)
	for _, p := range list {
		parameter := d.resolve(object(p))
		name, _ := parameter["name"].(string)
		in, _ := parameter["in"].(string)
		schema := d.resolve(object(parameter["schema"]))
		o.Parameters = append(o.Parameters, Parameter{Name: name, In: in, Schema: schema, Example: exampleOf(parameter, schema)})
	}
	body := d.resolve(object(raw["requestBody"]))
	if media := object(object(body["content"])["application/json"]); media != nil {
		o.Body = d.resolve(object(media["schema"]))
		o.Example = exampleOf(media, o.Body)
	}
	return o
}

// streams returns the media types of successes that are not JSON.
func (d *Document) streams(responses map[string]any) []string {
	var all []string
	for status, response := range responses {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		for media := range object(d.resolve(object(response))["content"]) {
			if !isJSON(media) {
				all = append(all, media)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// isJSON reports whether bodies of the media type are one JSON value (RFC 6838 §4.2.8).
func isJSON(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// exampleOf returns the first example of the objects.
func exampleOf(from ...map[string]any) any {
	for _, m := range from {
		if v, ok := m["example"]; ok {
			return v
		}
		switch list := m["examples"].(type) {
		case []any:
			if len(list) > 0 {
				return list[0]
			}
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(list)) {
				return object(list[name])["value"]
			}
		}
	}
	return nil
}

// resolve follows $ref within the document.
func (d *Document) resolve(m map[string]any) map[string]any {
	for range 20 {
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		var at any = d.root
		for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
			at = object(at)[part]
		}
		m = object(at)
	}
	return m
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func escape(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

// Find returns the operation that serves a request, or nil. HEAD is served by GET.
func (d *Document) Find(method, path string) *Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path, _, _ = strings.Cut(path, "?")
	segments := strings.Split(path, "/")
	var found *Operation
	for _, o := range d.Operations {
		if o.Method != method || !o.matches(segments) {
			continue
		}
		if found == nil || strings.Count(o.Path, "{") < strings.Count(found.Path, "{") {
			found = o
		}
	}
	return found
}

func (o *Operation) matches(segments []string) bool {
	if len(segments) != len(o.segments) {
		return false
	}
	for i, s := range o.segments {
		if s != segments[i] && (!strings.HasPrefix(s, "{") || segments[i] == "") {
			return false
		}
	}
	return true
}

// Check holds an answer of the operation against the document. An answer without a body,
// such as that to HEAD, is checked for its status only.
func (o *Operation) Check(status int, contentType string, body []byte) error {
	key := strconv.Itoa(status)
	response, ok := o.responses[key]
	if !ok {
		return fmt.Errorf("%s: status %d is not documented, only %v", o.ID, status, slices.Sorted(maps.Keys(o.responses)))
	}
	content := object(o.doc.resolve(object(response))["content"])
	if len(body) == 0 {
		return nil
	}
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return fmt.Errorf("%s: Content-Type %q: %w", o.ID, contentType, err)
	}
	if object(content[media])["schema"] == nil {
		return fmt.Errorf("%s: %d answers %s, which is not documented: %v", o.ID, status, media, slices.Sorted(maps.Keys(content)))
	}
	pointer := o.pointer + "/responses/" + key
	if ref, ok := object(response)["$ref"].(string); ok {
		pointer = ref
	}
	schema, err := o.doc.schema(pointer + "/content/" + escape(media) + "/schema")
	if err != nil {
		return err
	}
	var value any = string(body)
	if isJSON(media) {
		if value, err = jsonschema.UnmarshalJSON(bytes.NewReader(body)); err != nil {
			return fmt.Errorf("%s: %w", o.ID, err)
		}
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s: %d is not what the document says: %w", o.ID, status, err)
	}
	return nil
}

// CheckExamples holds every example of the operation's body and answers against its own
// schema.
func (o *Operation) CheckExamples() error {
	if o.Body != nil {
		if o.Example == nil {
			return fmt.Errorf("%s: the body has no example", o.ID)
		}
		if err := o.doc.validate(o.pointer+"/requestBody/content/application~1json/schema", o.Example); err != nil {
			return fmt.Errorf("%s: example of the body: %w", o.ID, err)
		}
	}
	for status, response := range o.responses {
		for media, content := range object(o.doc.resolve(object(response))["content"]) {
			example := exampleOf(object(content))
			if example == nil && !isJSON(media) {
				return fmt.Errorf("%s: %s of %s has no example", o.ID, media, status)
			}
			if example == nil || object(content)["schema"] == nil {
				continue
			}
			pointer := o.pointer + "/responses/" + status
			if ref, ok := object(response)["$ref"].(string); ok {
				pointer = ref
			}
			if err := o.doc.validate(pointer+"/content/"+escape(media)+"/schema", example); err != nil {
				return fmt.Errorf("%s: example of %s: %w", o.ID, status, err)
			}
		}
	}
	return nil
}

func (d *Document) validate(pointer string, value any) error {
	schema, err := d.schema(pointer)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	again, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	return schema.Validate(again)
}

func (d *Document) schema(pointer string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.compiled[pointer]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile(resource + strings.ReplaceAll(strings.ReplaceAll(pointer, "{", "%7B"), "}", "%7D"))
	if err != nil {
		return nil, fmt.Errorf("contract: compile %s: %w", pointer, err)
	}
	d.compiled[pointer] = s
	return s, nil
}
