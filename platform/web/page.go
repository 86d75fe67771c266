package web

import (
	"context"
	"net/http"
	"strings"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
)

// Handler says what a page shows. Its error becomes an error page that tells no more than
// the error's class.
type Handler func(ctx context.Context, v *Visit) (View, error)

// Page is a page of a module.
type Page struct {
	// Path is the route, without parameters.
	Path string
	// Get shows the page. It must not use a token up.
	Get Handler
	// Post does what the page is for; nil for a page that does nothing.
	Post Handler
	// Knows has both told who is signed in by cookie.
	Knows bool
	// GetLimits and PostLimits are the names of the rate limits that a request counts
	// against, by client address: those of the operations that do the same.
	GetLimits, PostLimits []string
}

// Edge is what pages need of the HTTP edge. [*httpx.API] is one.
type Edge interface {
	// OwnPage reports whether a page of this installation sent the request.
	OwnPage(r *http.Request) bool
	// Count takes one call from each of the limits.
	Count(w http.ResponseWriter, r *http.Request, limits ...string) error
	// Visitor returns who is signed in by the session cookie; nil for nobody.
	Visitor(r *http.Request) (*authn.Principal, error)
	// SignIn sets the session cookie.
	SignIn(w http.ResponseWriter, r *http.Request, session *authn.IssuedSession)
	// Refused logs what a client is not told, and returns what it may be told.
	Refused(w http.ResponseWriter, r *http.Request, err error) (*apperr.Error, int)
}

var _ Edge = (*httpx.API)(nil)

// Methods returns the methods that the page takes, which its routes are listed under.
func (page Page) Methods() []string {
	methods := []string{http.MethodGet}
	if page.Post != nil {
		methods = append(methods, http.MethodPost)
	}
	return methods
}

// Raw returns the endpoints of the pages, and those of what they load. No pages are no
// endpoints.
func (p *Pages) Raw(pages []Page) []httpx.Raw {
	if len(pages) == 0 {
		return nil
	}
	all := make([]httpx.Raw, 0, len(pages)+1)
	for _, page := range pages {
		all = append(all, httpx.Raw{Path: page.Path, Handler: p.handler(page), Refuse: p.Refuse})
	}
	return append(all, httpx.Raw{Method: http.MethodGet, Path: AssetPath, Handler: http.HandlerFunc(p.asset), Refuse: p.Refuse})
}

// handler serves a page for every method, so that wrong ones meet a page as well.
func (p *Pages) handler(page Page) http.Handler {
	allow := strings.ReplaceAll(strings.Join(page.Methods(), ", "), http.MethodGet, "GET, HEAD")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handle, limits := page.Get, page.GetLimits
		switch r.Method {
		case http.MethodGet, http.MethodHead:
		case http.MethodPost:
			handle, limits = page.Post, page.PostLimits
		default:
			handle = nil
		}
		if handle == nil {
			w.Header().Set("Allow", allow)
			p.Refuse(w, r, apperr.ErrMethodNotAllowed)
			return
		}
		if err := p.serve(w, r, page, handle, limits); err != nil {
			p.Refuse(w, r, err)
		}
	})
}

// serve shows a page. Its error is one before anything was written.
func (p *Pages) serve(w http.ResponseWriter, r *http.Request, page Page, handle Handler, limits []string) error {
	if r.Method == http.MethodPost && !p.edge.OwnPage(r) {
		return apperr.ErrCSRF
	}
	if err := p.edge.Count(w, r, limits...); err != nil {
		return err
	}
	v, err := newVisit(w, r)
	if err != nil {
		return err
	}
	if page.Knows {
		if v.Visitor, err = p.edge.Visitor(r); err != nil {
			return err
		}
	}
	view, err := handle(r.Context(), v)
	if err != nil {
		return err
	}
	if v.session != nil {
		p.edge.SignIn(w, r, v.session)
	}
	p.Render(w, r, view)
	return nil
}
