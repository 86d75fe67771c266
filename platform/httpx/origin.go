package httpx

import (
	"net/http"
	"net/url"
	"strings"
)

// origins knows which web origins are ours and which are listed.
type origins struct {
	own    string
	listed map[string]bool
}

func newOrigins(public *url.URL, listed []string) origins {
	// Browsers leave the default port out of an origin (RFC 6454 §6.2).
	host := strings.ToLower(public.Host)
	switch public.Scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	o := origins{own: public.Scheme + "://" + host, listed: make(map[string]bool, len(listed))}
	for _, l := range listed {
		o.listed[l] = true
	}
	return o
}

// sameSiteScript reports whether the browser itself says that the request came from a
// page of this origin (Fetch Metadata). Pages cannot set the header.
func sameSiteScript(h http.Header) bool {
	v := h["Sec-Fetch-Site"]
	return len(v) == 1 && v[0] == "same-origin"
}

// known reports whether the request names our own or a listed origin.
func (o origins) known(h http.Header) bool {
	v := h["Origin"]
	return len(v) == 1 && (strings.EqualFold(v[0], o.own) || o.listed[v[0]])
}

// mayChange reports whether a request that authenticates by cookie may change
// something: it must prove that one of our own or listed pages sent it. A browser always
// can; a request that says nothing about its origin cannot.
func (o origins) mayChange(h http.Header) bool {
	return sameSiteScript(h) || o.known(h)
}

// mayKeepCookies reports whether the answer may set cookies: only when it goes to a page
// of this very origin, never to a listed or foreign one, which signs in by bearer token.
// A request without Origin comes from no page, or from a plain navigation.
func (o origins) mayKeepCookies(h http.Header) bool {
	v := h["Origin"]
	return len(v) == 0 || sameSiteScript(h) || len(v) == 1 && strings.EqualFold(v[0], o.own)
}

// ownPage reports whether a page of this very origin sent the request. Pages that send no
// referrer post with the origin null (Fetch §3.1), so the browser's own word is taken then,
// and for browsers that send no Origin; a request that says neither comes from no page.
func (o origins) ownPage(h http.Header) bool {
	v := h["Origin"]
	switch {
	case len(v) == 0, len(v) == 1 && v[0] == "null":
		return sameSiteScript(h)
	case len(v) == 1:
		return strings.EqualFold(v[0], o.own)
	}
	return false
}
