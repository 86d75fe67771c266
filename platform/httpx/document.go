package httpx

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/authy2/backend/platform/apperr"
)

const aboutAPI = `Sign-in, sessions, users and what the enabled modules add.

Every answer is one envelope: ` + "`data`" + ` and ` + "`meta`" + ` on success, ` + "`error`" + ` with a stable ` + "`type`" + ` otherwise.
Errors are answered in the form of RFC 9457 to clients that accept ` + "`application/problem+json`" + `.

Send the session token as ` + "`Authorization: Bearer <token>`" + `, or let the browser send the session cookie.
A request that changes something and signs in by cookie must come from this origin or from a listed one.

An ` + "`Idempotency-Key`" + `, where it is offered, makes a POST safe to repeat for 24 hours: the same key and body
give the first answer again, its body with the first request's id included, with the header
` + "`Idempotency-Replayed: true`" + `.`

// humaConfig is the document without operations. Huma mounts no routes of its own.
func (a *API) humaConfig(public *url.URL) huma.Config {
	version := a.settings.Version
	if version == "" {
		version = "0.0.0"
	}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Authy2", Version: version, Description: aboutAPI,
				Contact: &huma.Contact{Name: "Secuird", URL: "https://secuird.tech", Email: "info@secuird.tech"},
				License: &huma.License{Name: "Proprietary", URL: "https://secuird.tech"},
			},
			Servers: []*huma.Server{{URL: a.base, Description: "This installation (" + public.Host + ")"}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry(schemaPrefix, schemaNames{}.name),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer", Description: "The session token that signing in answered with"},
					"cookie": {Type: "apiKey", In: "cookie", Name: a.cookie.name(), Description: "The session cookie that signing in set"},
				},
				Responses: map[string]*huma.Response{},
			},
		},
		Formats:       map[string]huma.Format{mediaJSON: strictFormat()},
		DefaultFormat: mediaJSON,
	}
}

// describe makes huma's declaration of an operation.
func (a *API) describe(op Operation, input, payload reflect.Type) huma.Operation {
	list := isList(input)
	registry := a.registry()
	d := huma.Operation{
		OperationID: op.ID, Method: op.Method, Path: op.Path, DefaultStatus: op.Status,
		Summary: op.Summary, Description: op.Description, Tags: []string{op.Tag},
		Responses:          map[string]*huma.Response{},
		SkipValidateParams: true, SkipValidateBody: true, // requests are checked before huma binds them
		MaxBodyBytes: -1, BodyReadTimeout: -1,
		Security: []map[string][]string{},
	}
	if d.Description == "" {
		d.Description = sentence(op.Summary)
	}
	switch op.Access {
	case SignedIn:
		d.Security = []map[string][]string{{"bearer": {}}, {"cookie": {}}}
	case MaybeSignedIn:
		d.Security = []map[string][]string{{}, {"bearer": {}}, {"cookie": {}}}
	case Public:
	}
	d.Extensions = map[string]any{}
	if op.Permission != "" {
		d.Extensions["x-permission"] = op.Permission
	}
	if op.StepUp != NoStepUp {
		d.Extensions["x-step-up"] = op.StepUp.String()
		d.Description += " " + op.StepUp.about()
	}
	data := registry.Schema(payload, true, op.ID+"Data")
	media := &huma.MediaType{Schema: data}
	if !op.Bare {
		media.Schema = successSchema(op.Status, data, list)
	}
	if op.ResultExample != nil {
		media.Example = a.exampleOf(op, list)
	}
	content := map[string]*huma.MediaType{mediaJSON: media}
	for _, s := range op.Streams {
		content[s] = &huma.MediaType{Schema: text("")}
		if example, ok := op.StreamExamples[s]; ok {
			content[s].Example = example
		}
	}
	d.Responses[strconv.Itoa(op.Status)] = &huma.Response{
		Description: sentence(op.Summary), Headers: successHeaders(op, list), Content: content,
	}
	if op.Tagged && op.Method == http.MethodGet {
		d.Responses[strconv.Itoa(http.StatusNotModified)] = &huma.Response{
			Description: "It is still what If-None-Match names.", Headers: map[string]*huma.Param{"ETag": entityTag()},
		}
	}
	for _, status := range op.statuses() {
		if status == http.StatusUnauthorized && op.StepUp != NoStepUp {
			d.Responses[strconv.Itoa(status)] = a.failureOf("StepUp"+strconv.Itoa(status), status, exampleStepUp())
			continue
		}
		d.Responses[strconv.Itoa(status)] = a.failureOf("Error"+strconv.Itoa(status), status, exampleError(status))
	}
	if op.Idempotent {
		d.Parameters = append(d.Parameters, &huma.Param{
			Name: "Idempotency-Key", In: "header",
			Description: "Makes repeating the request safe for 24 hours; 1 to 255 visible ASCII characters",
			Schema:      &huma.Schema{Type: huma.TypeString, Pattern: "^[!-~]{1,255}$"},
			Example:     "9f1b2c1e-5c0a-4f0e-8f65-2a1f0f3c7f10",
		})
	}
	return d
}

// statuses are the error statuses that an operation may answer with, in order.
func (op Operation) statuses() []int {
	all := []int{http.StatusBadRequest, http.StatusInternalServerError, http.StatusServiceUnavailable}
	switch op.Access {
	case SignedIn:
		all = append(all, http.StatusUnauthorized, http.StatusForbidden)
	case MaybeSignedIn:
		all = append(all, http.StatusUnauthorized)
		if op.Method != http.MethodGet { // by cookie from a foreign page
			all = append(all, http.StatusForbidden)
		}
	case Public:
	}
	if op.Permission != "" {
		all = append(all, http.StatusForbidden, http.StatusNotFound)
	}
	if op.Method != http.MethodGet {
		all = append(all, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if len(op.Limits) > 0 {
		all = append(all, http.StatusTooManyRequests)
	}
	if op.Idempotent {
		all = append(all, http.StatusConflict)
	}
	all = append(all, op.Errors...)
	slices.Sort(all)
	return slices.Compact(all)
}

// successHeaders documents the headers of a success beyond those of every answer.
func successHeaders(op Operation, list bool) map[string]*huma.Param {
	h := map[string]*huma.Param{"X-Request-ID": {Description: "The id of the request", Schema: text("")}}
	if op.Status == http.StatusCreated {
		h["Location"] = &huma.Param{Description: "Where the new thing can be read", Schema: text("")}
	}
	if op.Tagged {
		h["ETag"] = entityTag()
	}
	if list {
		h["Link"] = &huma.Param{Description: "The next page (RFC 8288)", Schema: text("")}
	}
	if len(op.Streams) > 0 {
		h["Vary"] = &huma.Param{Description: "Accept is among them: it chooses the form", Schema: text("")}
		h["Content-Disposition"] = &huma.Param{Description: "The file name of an answer that is not JSON (RFC 6266)", Schema: text("")}
	}
	if len(op.Limits) > 0 {
		maps.Copy(h, limitHeaders())
	}
	return h
}

// entityTag documents the ETag header.
func entityTag() *huma.Param {
	return &huma.Param{Description: "The entity tag of what is shown (RFC 9110 §8.8.3)", Schema: text("")}
}

// limitHeaders documents the headers of rate limits.
func limitHeaders() map[string]*huma.Param {
	number := func(doc string) *huma.Param {
		return &huma.Param{Description: doc, Schema: &huma.Schema{Type: huma.TypeInteger}}
	}
	return map[string]*huma.Param{
		"X-RateLimit-Limit":     number("Requests a window admits"),
		"X-RateLimit-Remaining": number("Requests left in this window"),
		"X-RateLimit-Reset":     number("When the window ends, in seconds since 1970"),
	}
}

// failureOf refers to the response of an error by name, and defines it at first.
func (a *API) failureOf(name string, status int, example *apperr.Error) *huma.Response {
	if _, ok := a.huma.OpenAPI().Components.Responses[name]; !ok {
		a.huma.OpenAPI().Components.Responses[name] = a.newFailureResponse(status, example)
	}
	return &huma.Response{Ref: "#/components/responses/" + name}
}

func (a *API) newFailureResponse(status int, err *apperr.Error) *huma.Response {
	registry := a.registry()
	buf := a.encoder.buffer()
	defer a.encoder.release(buf)
	example := func(accept string) any {
		buf.Reset()
		an := a.failure([]string{accept}, err, true, exampleRequestID, buf)
		return plainValue(an.body)
	}
	res := &huma.Response{
		Description: err.Message(),
		Headers:     map[string]*huma.Param{"X-Request-ID": {Description: "The id of the request", Schema: text("")}},
		Content: map[string]*huma.MediaType{
			mediaJSON:    {Schema: errorEnvelopeSchema(registry), Example: example(mediaJSON)},
			mediaProblem: {Schema: registry.Schema(reflect.TypeFor[Problem](), true, ""), Example: example(mediaProblem)},
		},
	}
	switch status {
	case http.StatusUnauthorized:
		res.Headers["WWW-Authenticate"] = &huma.Param{Description: "The challenge (RFC 6750, RFC 9470)", Schema: text("")}
	case http.StatusTooManyRequests:
		maps.Copy(res.Headers, limitHeaders())
		fallthrough
	case http.StatusServiceUnavailable:
		res.Headers["Retry-After"] = &huma.Param{Description: "Seconds to wait", Schema: &huma.Schema{Type: huma.TypeInteger}}
	}
	return res
}

// exampleOf is the whole answer of an operation with its example payload.
func (a *API) exampleOf(op Operation, list bool) any {
	buf := a.encoder.buffer()
	defer a.encoder.release(buf)
	var page *Page
	if list {
		page = &Page{Limit: 20}
	}
	if err := a.encoder.answer(buf, op, newHead(true, op.Status, sentence(op.Summary)), exampleRequestID, op.ResultExample, page); err != nil {
		panic("the example of the result: " + err.Error())
	}
	return plainValue(buf.Bytes())
}

// plainValue reads JSON that this package wrote, so that the document shows an example
// as clients see it and not as huma would encode its Go type.
func plainValue(b []byte) any {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		panic("an example: " + err.Error())
	}
	return v
}

// Document returns the OpenAPI 3.1 document of what is mounted.
func (a *API) Document() ([]byte, error) {
	a.document.Do(func() {
		a.finishDocument()
		a.spec, a.specErr = json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	})
	return a.spec, a.specErr
}

// finishDocument adds what is only known once everything is mounted.
func (a *API) finishDocument() {
	doc := a.huma.OpenAPI()
	used := map[string]bool{}
	for _, r := range a.routes {
		used[r.Tag] = true
		if r.hasBody && r.BodyExample != nil {
			r.huma.RequestBody.Content[mediaJSON].Example = r.bodyExample
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		about := a.settings.Tags[name]
		if about == "" {
			about = name
		}
		doc.Tags = append(doc.Tags, &huma.Tag{Name: name, Description: about})
	}
}
