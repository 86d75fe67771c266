package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/secret"
)

const (
	// formLimit is the largest form in bytes.
	formLimit = 64 << 10
	// formTimeout is how long a client may take to send it.
	formTimeout = 15 * time.Second
	// tokenName is where links and forms carry a token.
	tokenName = "token"
)

// Visit is one request for a page.
type Visit struct {
	// Visitor is who is signed in by cookie; nil is nobody. Only pages with Knows are told.
	Visitor *authn.Principal

	form    url.Values
	query   url.Values
	session *authn.IssuedSession
}

// Value returns what was sent for a field; empty for nothing.
func (v *Visit) Value(name string) string { return v.form.Get(name) }

// Secret returns what was sent for a field that nobody may see.
func (v *Visit) Secret(name string) secret.String { return secret.New(v.form.Get(name)) }

// Token returns the token of the form, or else that of the link; empty without one.
func (v *Visit) Token() secret.String {
	if token := v.form.Get(tokenName); token != "" {
		return secret.New(token)
	}
	if given := v.query[tokenName]; len(given) == 1 {
		return secret.New(given[0])
	}
	return secret.String{}
}

// SignIn has the answer set the session cookie. Nil leaves it alone.
func (v *Visit) SignIn(session *authn.IssuedSession) { v.session = session }

// newVisit reads what a request brings.
func newVisit(w http.ResponseWriter, r *http.Request) (*Visit, error) {
	v := &Visit{}
	var err error
	if v.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return nil, apperr.ErrBadRequest.Wrap(err)
	}
	if r.Method == http.MethodPost {
		v.form, err = readForm(w, r)
	}
	return v, err
}

// readForm reads a form of bounded size within a bounded time. Every field is valid UTF-8
// and was given once.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, apperr.ErrUnsupportedMediaType
	}
	// The deadline is the socket's, so it follows the operating system's clock. It is lifted
	// once the form is there, because one that passes later would end the request's context.
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(clock.System{}.Now().Add(formTimeout)) // calls in-process know none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, formLimit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, apperr.ErrPayloadTooLarge
	case err != nil:
		return nil, apperr.ErrBadRequest.Wrap(err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, apperr.ErrBadRequest.Wrap(err)
	}
	for name, values := range form {
		if len(values) != 1 || !utf8.ValidString(name) || !utf8.ValidString(values[0]) || strings.Contains(values[0], "\x00") {
			return nil, apperr.ErrBadRequest
		}
	}
	return form, nil
}
