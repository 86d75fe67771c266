package httpx

import (
	"net/http"
	"strings"
	"time"

	"github.com/authy2/backend/platform/authn"
)

// sessionCookie is the cookie that holds a session's token for browsers. With TLS it
// has the __Host- prefix, which binds it to this very host, path and to TLS.
type sessionCookie struct{ secure bool }

// name returns the cookie's name.
func (s sessionCookie) name() string {
	if s.secure {
		return "__Host-authy2_session"
	}
	return "authy2_session"
}

// read returns the token in the request's cookie, or empty.
func (s sessionCookie) read(h http.Header) string { return readCookie(h, s.name()) }

// readCookie returns the value of the first cookie of the name, or empty.
func readCookie(h http.Header, name string) string {
	for _, line := range h["Cookie"] {
		for len(line) > 0 {
			var part string
			part, line, _ = strings.Cut(line, ";")
			if given, value, ok := strings.Cut(strings.TrimLeft(part, " "), "="); ok && given == name {
				return value
			}
		}
	}
	return ""
}

// set returns the cookie of a session that just began. It lasts as long as the session
// can last; idleness is judged by the server.
func (s sessionCookie) set(session *authn.IssuedSession, now time.Time) *http.Cookie {
	c := s.base() //nolint:gosec // base sets the attributes
	c.Value = session.Token.Reveal()
	c.MaxAge = max(int(session.AbsoluteExpiresAt.Sub(now).Round(time.Second)/time.Second), 1)
	return c
}

// clear returns the cookie that removes it.
func (s sessionCookie) clear() *http.Cookie {
	c := s.base() //nolint:gosec // base sets the attributes
	c.MaxAge = -1
	return c
}

func (s sessionCookie) base() *http.Cookie {
	return &http.Cookie{Name: s.name(), Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode} //nolint:gosec // Secure is off only where PUBLIC_URL is plain http
}
