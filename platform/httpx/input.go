package httpx

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/id"
)

// check judges everything that a request brings by what the document says of it, and
// reports all violations at once.
func (r *route) check(ex *exchange) error {
	if len(ex.gin.Params) > 0 {
		if err := r.checkPath(ex); err != nil {
			return err
		}
	}
	var found violations
	if ex.gin.Request.URL.RawQuery != "" || len(r.query) > 0 {
		found = violations{}
		if err := r.checkQuery(ex.gin.Request.URL.RawQuery, found); err != nil {
			return err
		}
	}
	if !r.safe {
		if found == nil {
			found = violations{}
		}
		if err := r.checkBody(ex, found); err != nil {
			return err
		}
	}
	if len(found) > 0 && r.judge != nil && ex.body != nil {
		for field, complaints := range r.judge(ex.body) {
			if _, said := found[field]; !said {
				found[field] = complaints
			}
		}
	}
	if err := found.err(); err != nil { // a typed nil would be an error
		return err
	}
	return nil
}

// checkPath judges path parameters. A value that cannot exist does not exist: malformed
// ids are answered like unknown ones. Ids reach handlers in canonical form.
func (r *route) checkPath(ex *exchange) error {
	for i, p := range ex.gin.Params {
		own := r.path[p.Key]
		if own == nil {
			continue
		}
		if !utf8.ValidString(p.Value) || own.checkParam(p.Value) != "" {
			return apperr.ErrNotFound
		}
		if own.format == "uuid" {
			ex.gin.Params[i].Value, _ = id.Parse(p.Value)
		}
	}
	return nil
}

// checkQuery judges the query: every name is known and given once.
func (r *route) checkQuery(raw string, found violations) error {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return apperr.ErrBadRequest.WithMessage("The query could not be read.")
	}
	for name, given := range values {
		own := r.query[name]
		switch {
		case own == nil:
			found.add(safeName(name), msgUnknown)
		case len(given) > 1 && own.kind != huma.TypeArray:
			found.add(name, msgRepeated)
		default:
			for _, value := range given {
				if message := own.checkParam(value); message != "" {
					found.add(name, message)
					break
				}
			}
		}
	}
	for name, own := range r.query {
		if own.required && values[name] == nil {
			found.add(name, msgMissing)
		}
	}
	return nil
}

// checkParam judges a value that came as text, and returns what is wrong with it.
func (r *rule) checkParam(value string) string {
	if !utf8.ValidString(value) {
		return msgString
	}
	switch r.kind {
	case huma.TypeInteger, huma.TypeNumber:
		return r.checkNumber(value)
	case huma.TypeBoolean:
		if _, err := strconv.ParseBool(value); err != nil {
			return msgBoolean
		}
		return ""
	case huma.TypeArray:
		for item := range strings.SplitSeq(value, ",") {
			if message := r.items.checkParam(item); message != "" {
				return message
			}
		}
		return ""
	}
	return r.checkText(value)
}

// checkBody reads the body and judges it. Where an operation takes none, an empty body
// and an empty object are ignored.
func (r *route) checkBody(ex *exchange, found violations) error {
	req := ex.gin.Request
	if req.ContentLength == 0 && r.bodyOptional {
		return nil
	}
	if req.ContentLength > 0 || !r.bodyOptional {
		if !isJSON(req.Header) {
			return apperr.ErrUnsupportedMediaType
		}
	}
	body, err := readBody(ex)
	if err != nil {
		return err
	}
	if len(body) == 0 && r.bodyOptional {
		return nil
	}
	if !isJSON(req.Header) {
		return apperr.ErrUnsupportedMediaType
	}
	if err := checkBody(body, r.body, found); err != nil {
		return apperr.ErrBadRequest.WithMessage("The body is not valid JSON.")
	}
	ex.body = body
	return nil
}

// isJSON reports whether a body is declared to be JSON in UTF-8, uncompressed.
func isJSON(h http.Header) bool {
	types := h["Content-Type"]
	if len(types) != 1 || len(h["Content-Encoding"]) > 0 {
		return false
	}
	if types[0] == mediaJSON {
		return true
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil || media != mediaJSON {
		return false
	}
	charset, given := params["charset"]
	return !given || strings.EqualFold(charset, "utf-8")
}

// readBody reads the whole body within a bounded time.
func readBody(ex *exchange) ([]byte, error) {
	req := ex.gin.Request
	// The deadline is the socket's, so it follows the operating system's clock. It is
	// lifted once the body is there, because a read deadline that passes while a handler
	// works would cancel that handler. While it is not, the deadline stays: net/http reads
	// on before it answers, and a client that sends nothing more would hold the connection.
	// Writers that know no deadlines (in-process calls) need none.
	conn := http.NewResponseController(ex.gin.Writer)
	_ = conn.SetReadDeadline(clock.System{}.Now().Add(ex.route.api.settings.BodyTimeout))
	var body []byte
	var err error
	if n := req.ContentLength; n > 0 && n <= 16<<10 {
		body = make([]byte, n)
		_, err = io.ReadFull(req.Body, body)
	} else { // grows with what really arrives, not with what was announced
		body, err = io.ReadAll(req.Body)
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		_ = conn.SetReadDeadline(time.Time{})
		return body, nil
	case errors.As(err, &tooLarge):
		return nil, apperr.ErrPayloadTooLarge
	default:
		return nil, apperr.ErrBadRequest.WithMessage("The body could not be read.").Wrap(err)
	}
}
