package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// refusals are the error pages by class of the error. They say what to do and retell
// nothing of what was sent.
type refusals struct{ views map[apperr.Kind]View }

func newRefusals() *refusals {
	return &refusals{map[apperr.Kind]View{
		apperr.Invalid: {Title: "This cannot be read", Lines: []string{
			"Something about the address or the form is not right. Open the link in your mail again.",
		}},
		apperr.NotFound: {Title: "There is nothing here", Lines: []string{
			"Check the address. If it came in a mail, open it from there again: some programs cut long links in two.",
		}},
		apperr.MethodNotAllowed: {Title: "This page cannot be used like that", Lines: []string{"Open the link in your mail again."}},
		apperr.Gone: {Title: "This link is over", Lines: []string{
			"It has expired or has been used. Ask for a new one.",
		}},
		apperr.TooLarge:             {Title: "That is too much", Lines: []string{"The form is larger than this page takes. Go back, and write less."}},
		apperr.UnsupportedMediaType: {Title: "This cannot be read", Lines: []string{"This page takes what its own form sends. Open the link in your mail again."}},
		apperr.Unavailable: {Title: "Not right now", Lines: []string{
			"The service is busy or being worked on. Nothing was changed. Go back and try again shortly.",
		}},
		apperr.Internal: {Title: "Something went wrong", Lines: []string{
			"That is our mistake, not yours. Go back and try again; if it happens again, tell whoever runs this service.",
		}},
	}}
}

// Refuse answers with the page of an error.
func (p *Pages) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	public, status := p.edge.Refused(w, r, err)
	v := p.refuse.of(public)
	v.Status, v.Tone = status, Stop
	if id := authn.ClientFrom(r.Context()).RequestID; id != "" && status >= http.StatusInternalServerError {
		v.Notes = []string{"Reference: " + id}
	}
	p.Render(w, r, v)
}

// of returns the page of an error.
func (l *refusals) of(err *apperr.Error) View {
	switch {
	case err.Code() == apperr.CodeCSRF:
		return View{Title: "This form came from elsewhere", Lines: []string{
			"To keep you safe, this page takes nothing from other sites, and nothing was changed. Open the link in your mail again and use the form there.",
		}}
	case err.Kind() == apperr.RateLimited:
		return View{Title: "Too many tries", Lines: []string{"From your network this was tried too often. Try again in " + inWords(err.RetryAfter()) + "."}}
	}
	if v, ok := l.views[err.Kind()]; ok {
		return v
	}
	switch err.Kind() {
	case apperr.Unauthenticated, apperr.Forbidden, apperr.Conflict, apperr.PreconditionFailed:
		return View{Title: "This cannot be done", Lines: []string{err.Message()}}
	default: // a dependency failed, which is no news to the reader
		return l.views[apperr.Unavailable]
	}
}

// inWords rounds a wait up to a unit that people count in.
func inWords(d time.Duration) string {
	count := func(unit time.Duration, name string) string {
		n := int((d + unit - 1) / unit)
		if n <= 1 {
			return strings.TrimSuffix("1 "+name, "s")
		}
		return fmt.Sprintf("%d %s", n, name)
	}
	switch {
	case d < time.Minute:
		return count(time.Second, "seconds")
	case d < 2*time.Hour:
		return count(time.Minute, "minutes")
	default:
		return count(time.Hour, "hours")
	}
}
