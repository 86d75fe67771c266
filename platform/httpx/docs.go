package httpx

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"github.com/authy2/backend/platform/apperr"
)

//go:embed docs/page.html docs/docs.css docs/docs.js
var docsFiles embed.FS

// docsPolicy lets the page load its own style and script, and call this origin.
const docsPolicy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// mountDocs serves the document, and a page to read and try it.
func (a *API) mountDocs() {
	a.file("/api/openapi.json", mediaJSON, a.Document)
	a.file("/api/docs", "text/html; charset=utf-8", a.docsPage)
	for name, media := range map[string]string{"docs.css": "text/css; charset=utf-8", "docs.js": "text/javascript; charset=utf-8"} {
		a.file("/api/docs/assets/"+name, media, func() ([]byte, error) { return fs.ReadFile(docsFiles, path.Join("docs", name)) })
	}
}

// file serves bytes that stay the same while the process lives. Clients ask again with
// If-None-Match.
func (a *API) file(route, media string, content func() ([]byte, error)) {
	page := strings.HasPrefix(media, "text/html")
	handler := func(c *gin.Context) {
		b, err := content()
		if err != nil {
			a.refuse(c, apperr.ErrInternal.Wrap(err))
			return
		}
		sum := sha256.Sum256(b)
		etag := `"` + hex.EncodeToString(sum[:8]) + `"`
		h := c.Writer.Header()
		h.Set("Cache-Control", "no-cache")
		if page {
			h.Set("Content-Security-Policy", docsPolicy)
		}
		if noneMatch(c.Request.Header["If-None-Match"], etag) {
			(&answer{status: http.StatusNotModified, etag: etag}).write(c)
			return
		}
		(&answer{status: http.StatusOK, media: []string{media}, etag: etag, body: b}).write(c)
	}
	a.engine.GET(route, handler)
	a.engine.HEAD(route, handler)
}

// docsPage renders the page from the document, so that it can be read without scripts.
func (a *API) docsPage() ([]byte, error) {
	if _, err := a.Document(); err != nil { // it is complete from here on
		return nil, err
	}
	t, err := template.ParseFS(docsFiles, "docs/page.html")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, a.docsModel()); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// docsGroup is a tag with its operations.
type docsGroup struct {
	Name, About string
	Operations  []docsOperation
}

// docsOperation is what the page shows of an operation.
type docsOperation struct {
	ID, Method, Path, Summary, About string
	Access                           string
	Streams                          []string
	Parameters                       []docsField
	Body                             []docsField
	Answers                          []docsAnswer
}

// docsField is a parameter, or a member of a body.
type docsField struct {
	Name, In, Type, About string
	Required              bool
}

// docsAnswer is a status and what it means.
type docsAnswer struct{ Status, About string }

// docsError is an error type of the catalogue.
type docsError struct {
	Code, About string
	Status      int
}

func (a *API) docsModel() any {
	doc := a.huma.OpenAPI()
	groups := map[string]*docsGroup{}
	for _, tag := range doc.Tags {
		groups[tag.Name] = &docsGroup{Name: tag.Name, About: tag.Description}
	}
	for _, r := range a.routes {
		if g := groups[r.Tag]; g != nil {
			g.Operations = append(g.Operations, a.docsOperation(r))
		}
	}
	ordered := make([]*docsGroup, 0, len(groups))
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		ordered = append(ordered, groups[name])
	}
	return map[string]any{
		"Title": doc.Info.Title, "Version": doc.Info.Version,
		"About":  strings.Split(strings.ReplaceAll(doc.Info.Description, "`", ""), "\n\n"),
		"Groups": ordered, "Errors": errorCatalogue(),
	}
}

func (a *API) docsOperation(r *route) docsOperation {
	o := docsOperation{
		ID: r.ID, Method: r.Method, Path: r.Path, Summary: r.Summary, About: strings.ReplaceAll(r.huma.Description, "`", ""),
		Access: r.needs(), Streams: r.Streams,
	}
	for _, p := range r.huma.Parameters {
		o.Parameters = append(o.Parameters, docsField{Name: p.Name, In: p.In, Type: typeName(p.Schema), About: p.Description, Required: p.Required})
	}
	if r.hasBody {
		o.Body = a.docsBody(r.huma.RequestBody.Content[mediaJSON].Schema)
	}
	for _, status := range slices.Sorted(maps.Keys(r.huma.Responses)) {
		res := r.huma.Responses[status]
		if name, ok := strings.CutPrefix(res.Ref, "#/components/responses/"); ok {
			res = a.huma.OpenAPI().Components.Responses[name]
		}
		o.Answers = append(o.Answers, docsAnswer{Status: status, About: res.Description})
	}
	return o
}

// needs says in a sentence who may call an operation.
func (op Operation) needs() string {
	switch {
	case op.Permission != "":
		return "Needs a session, and the permission " + string(op.Permission) + " in the organization."
	case op.Access == SignedIn:
		return "Needs a session."
	case op.Access == MaybeSignedIn:
		return "Needs no session, but knows one."
	}
	return "Needs no session."
}

func (a *API) docsBody(s *huma.Schema) []docsField {
	if s.Ref != "" {
		s = a.registry().SchemaFromRef(s.Ref)
	}
	var fields []docsField
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		fields = append(fields, docsField{Name: name, Type: typeName(p), About: p.Description, Required: slices.Contains(s.Required, name)})
	}
	return fields
}

// typeName says in words what a schema takes.
func typeName(s *huma.Schema) string {
	if s == nil {
		return ""
	}
	if s.Ref != "" {
		return path.Base(s.Ref)
	}
	name := s.Type
	switch {
	case s.Type == huma.TypeArray:
		name = "list of " + typeName(s.Items)
	case len(s.Enum) > 0:
		name = strings.TrimSuffix(strings.TrimPrefix(enumMessage(s.Enum), "Must be "), ".")
	case s.Format != "":
		name += " (" + s.Format + ")"
	}
	if s.Nullable {
		name += " or null"
	}
	return name
}

// errorCatalogue lists the error types of the platform, by status.
func errorCatalogue() []docsError {
	var all []docsError
	for _, e := range []*apperr.Error{
		apperr.ErrValidation, apperr.ErrBadRequest, apperr.ErrAuthRequired, apperr.ErrInvalidAuthFormat, apperr.ErrInvalidToken,
		apperr.ErrSessionInactive, apperr.ErrAuthentication, apperr.ErrAuthorization, apperr.ErrCSRF, apperr.ErrMFACompliance, apperr.ErrNotFound,
		apperr.ErrMethodNotAllowed, apperr.ErrConflict, apperr.ErrIdempotencyConflict, apperr.ErrGone, apperr.ErrPreconditionFailed,
		apperr.ErrPayloadTooLarge, apperr.ErrUnsupportedMediaType, apperr.ErrRateLimited, apperr.ErrInternal, apperr.ErrUpstream,
		apperr.ErrUnavailable, apperr.ErrUpstreamTimeout,
	} {
		all = append(all, docsError{Code: string(e.Code()), About: e.Message(), Status: statusOf(e.Kind())})
	}
	return all
}
