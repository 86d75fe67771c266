package httpx

import (
	"bytes"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// answer is what is sent to the client: everything about it that differs between
// requests. Empty headers are left out.
type answer struct {
	status     int
	media      []string
	location   string
	etag       string
	link       string
	challenge  string
	retryAfter string
	cookies    []string
	body       []byte
}

// header sets the headers that differ between answers, but for those of the body.
func (an *answer) header(h http.Header) {
	set := func(name, value string) {
		if value != "" {
			h[name] = []string{value}
		}
	}
	set("Location", an.location)
	set("Etag", an.etag)
	set("Link", an.link)
	set("Www-Authenticate", an.challenge)
	set("Retry-After", an.retryAfter)
	if len(an.cookies) > 0 {
		h["Set-Cookie"] = an.cookies
	}
}

// write sends the answer.
func (an *answer) write(c *gin.Context) {
	h := c.Writer.Header()
	an.header(h)
	if an.status == http.StatusNotModified {
		c.Status(an.status)
		c.Writer.WriteHeaderNow()
		return
	}
	h["Content-Type"] = an.media
	if len(an.body) > 1<<10 { // shorter ones net/http counts itself
		h["Content-Length"] = []string{strconv.Itoa(len(an.body))}
	}
	c.Status(an.status)
	_, _ = c.Writer.Write(an.body) // a client that left gets nothing
}

// succeed answers an exchange whose handler replied.
func (a *API) succeed(ex *exchange) {
	if ex.out.Stream != nil {
		a.stream(ex)
		return
	}
	buf := a.encoder.buffer()
	defer a.encoder.release(buf)
	an, err := a.success(ex, buf)
	if err != nil {
		a.fail(ex, err)
		return
	}
	an.write(ex.gin)
}

// opening makes the answer of an exchange whose handler replied, but for its body.
func (a *API) opening(ex *exchange) answer {
	out, r := &ex.out, ex.route
	an := answer{status: r.Status, media: a.encoder.jsonType, location: out.Location, etag: out.ETag, cookies: a.cookies(ex)}
	if r.safe && out.ETag != "" && noneMatch(ex.gin.Request.Header["If-None-Match"], out.ETag) {
		an.status = http.StatusNotModified
		return an
	}
	if out.Page != nil && out.Page.Next != "" {
		an.link = a.nextLink(ex.gin.Request.URL, out.Page)
	}
	return an
}

// success makes the answer of an exchange whose handler replied. Its body lies in buf.
func (a *API) success(ex *exchange, buf *bytes.Buffer) (answer, error) {
	out, r, an := &ex.out, ex.route, a.opening(ex)
	if an.status == http.StatusNotModified {
		return an, nil
	}
	h := r.head
	if out.Message != "" {
		h = newHead(true, r.Status, out.Message)
	}
	if err := a.encoder.answer(buf, r.Operation, h, ex.client.RequestID, out.data, out.Page); err != nil {
		return answer{}, err
	}
	an.body = buf.Bytes()
	return an, nil
}

// cookies returns the Set-Cookie values of an answer; none for a foreign page.
func (a *API) cookies(ex *exchange) []string {
	out := &ex.out
	if out.SignIn == nil && !out.SignOut && len(out.Cookies) == 0 && len(out.Keep) == 0 {
		return nil
	}
	header := ex.gin.Request.Header
	if !a.origins.mayKeepCookies(header) {
		return nil
	}
	var all []string
	add := func(c *http.Cookie) {
		if s := c.String(); s != "" {
			all = append(all, s)
		}
	}
	switch {
	case out.SignIn != nil:
		add(a.cookie.set(out.SignIn, a.deps.Clock.Now()))
	case out.SignOut && ex.token != "" && a.cookie.read(header) == ex.token:
		add(a.cookie.clear()) // another session's cookie is left alone
	}
	for _, c := range out.Cookies {
		add(c)
	}
	for _, k := range out.Keep {
		add(a.cookie.keep(k))
	}
	return all
}

// fail answers an exchange with an error.
func (a *API) fail(ex *exchange, err error) {
	if clientGone(ex.gin.Request.Context(), err) {
		ex.gin.Status(statusClientGone)
		ex.gin.Writer.WriteHeaderNow()
		return
	}
	public := apperr.From(err)
	a.report(ex.gin.Request.Context(), ex.client, ex.route.Path, public)
	a.noteDenial(ex, public)
	a.writeFailure(ex.gin, public, ex.tokenSent, ex.client.RequestID)
}

// noteDenial tells of a caller who lacks the operation's permission. The handler's
// transaction is over. Refusals before the handler ran are about something else.
func (a *API) noteDenial(ex *exchange, err *apperr.Error) {
	if a.deps.Denied == nil || err.Kind() != apperr.Forbidden || err.Code() != apperr.CodeAuthorization {
		return
	}
	if demand := ex.demand(); demand != nil {
		a.deps.Denied(ex.ctx, ex.route.ID, demand, err)
	}
}

// refuse answers a request that reached no operation with an error.
func (a *API) refuse(c *gin.Context, err error) {
	if refuse := a.refusals[c.FullPath()]; refuse != nil {
		c.Request.Pattern = a.template(c)
		refuse(c.Writer, c.Request, err)
		return
	}
	a.writeFailure(c, apperr.From(err), false, authn.ClientFrom(c.Request.Context()).RequestID)
}

func (a *API) writeFailure(c *gin.Context, err *apperr.Error, tokenSent bool, requestID string) {
	buf := a.encoder.buffer()
	defer a.encoder.release(buf)
	an := a.failure(c.Request.Header["Accept"], err, tokenSent, requestID, buf)
	an.write(c)
}

// failure makes the answer of an error. Its body lies in buf.
func (a *API) failure(accept []string, err *apperr.Error, tokenSent bool, requestID string, buf *bytes.Buffer) answer {
	an := answer{status: statusOf(err.Kind()), media: a.encoder.jsonType, retryAfter: retryAfter(err.RetryAfter())}
	if err.Kind() == apperr.Unauthenticated {
		an.challenge = challenge(err, tokenSent)
	}
	var encErr error
	if wantsProblem(accept) {
		an.media = a.encoder.problemType
		encErr = a.encoder.problem(buf, a.base, an.status, requestID, err)
	} else {
		encErr = a.encoder.failure(buf, an.status, requestID, err)
	}
	if encErr != nil { // details that are no JSON: a programming error, told without them
		a.deps.Log.Error("details of an error cannot be encoded",
			slog.String("request_id", requestID), slog.String("code", string(err.Code())), slog.String("error", encErr.Error()))
		buf.Reset()
		buf.Write(newHead(false, an.status, err.Message()))
		buf.WriteString(requestID + `","error":{"type":` + string(appendText(nil, string(err.Code()))) + `,"details":{}}}`)
		an.media = a.encoder.jsonType
	}
	an.body = buf.Bytes()
	return an
}
