package httpx

import (
	"net/http"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// What raw endpoints that serve browsers need of the edge, so that they follow the rules of
// operations.

// OwnPage reports whether a page of this installation sent the request. Listed origins are
// not meant.
func (a *API) OwnPage(r *http.Request) bool { return a.origins.ownPage(r.Header) }

// Count takes one call of the client from each of the limits, as for an operation with
// those Limits, and tells of them in the headers. It returns [apperr.ErrRateLimited] when
// one is reached.
func (a *API) Count(w http.ResponseWriter, r *http.Request, limits ...string) error {
	return a.count(r.Context(), w.Header(), authn.ClientFrom(r.Context()), limits)
}

// Visitor returns who is signed in by the session cookie; nil for nobody, which whoever has
// a session that is over is as well. The request acts for them from then on. Its error
// means that it cannot be told.
func (a *API) Visitor(r *http.Request) (*authn.Principal, error) {
	token := a.cookie.read(r.Header)
	if token == "" {
		return nil, nil //nolint:nilnil // nobody is a visitor too
	}
	p, err := a.deps.Authenticator.Authenticate(r.Context(), token)
	switch {
	case apperr.From(err) != nil && apperr.From(err).Kind() == apperr.Unauthenticated:
		return nil, nil //nolint:nilnil // browsers keep cookies longer than sessions last
	case err != nil:
		return nil, err
	case p.ComplianceOnly:
		return nil, nil //nolint:nilnil // such a session is good for one thing only
	}
	own := *p // it may be shared with other requests
	own.ByCookie = true
	if request, ok := r.Context().(*authn.Request); ok {
		request.SignIn(&own)
	}
	return &own, nil
}

// SignIn sets the session cookie to a session that just began, as an operation does.
func (a *API) SignIn(w http.ResponseWriter, r *http.Request, session *authn.IssuedSession) {
	if a.origins.mayKeepCookies(r.Header) {
		http.SetCookie(w, a.cookie.set(session, a.deps.Clock.Now()))
	}
}

// Refused logs what a client that is refused is not told, as for an operation, sets
// Retry-After where the error has one, and returns what may be told, with its status.
func (a *API) Refused(w http.ResponseWriter, r *http.Request, err error) (*apperr.Error, int) {
	if clientGone(r.Context(), err) {
		return apperr.ErrUnavailable, statusClientGone
	}
	public := apperr.From(err)
	a.report(r.Context(), authn.ClientFrom(r.Context()), r.Pattern, public)
	if wait := retryAfter(public.RetryAfter()); wait != "" {
		w.Header().Set("Retry-After", wait)
	}
	return public, statusOf(public.Kind())
}
