package httpx

import (
	"log/slog"
	"time"

	"github.com/authy2/backend/platform/apperr"
)

var (
	// errOtherRequest refuses a key that was used for another request.
	errOtherRequest = apperr.ErrIdempotencyConflict.WithMessage("This Idempotency-Key was used for another request.")
	// errStillRunning asks to come back: the first request with the key is not answered yet.
	errStillRunning = apperr.ErrIdempotencyConflict.WithMessage("A request with this Idempotency-Key is still being worked on.").
			WithRetryAfter(time.Second)
	// errKeySyntax refuses a key that is not 1 to 255 visible ASCII characters.
	errKeySyntax = apperr.Field("Idempotency-Key", "Must be 1 to 255 visible ASCII characters.")
)

// idempotencyKey reads the header, of which there must be exactly one.
func idempotencyKey(values []string) (string, error) {
	if len(values) != 1 || len(values[0]) < 1 || len(values[0]) > 255 {
		return "", errKeySyntax
	}
	for i := range len(values[0]) {
		if c := values[0][i]; c < '!' || c > '~' {
			return "", errKeySyntax
		}
	}
	return values[0], nil
}

// answerOnce serves an exchange whose request carries an Idempotency-Key: it repeats the
// kept answer, or lets the handler work in a transaction that ends with keeping it.
func (a *API) answerOnce(ex *exchange) {
	key, err := idempotencyKey(ex.gin.Request.Header["Idempotency-Key"])
	if err != nil {
		a.fail(ex, err)
		return
	}
	caller := "anonymous"
	if ex.principal != nil {
		caller = "user " + ex.principal.UserID
	}
	u := ex.gin.Request.URL
	r := a.deps.Answers.request(key, caller, ex.gin.Request.Method, u.Path, u.RawQuery, ex.body)
	mine := r.begin(ex.ctx)
	defer r.end(ex.ctx)
	switch kept, err := r.kept(ex.ctx); {
	case err != nil:
		a.fail(ex, err)
	case kept != nil:
		a.replay(ex, kept)
	case !mine:
		a.fail(ex, errStillRunning)
	default:
		a.firstAnswer(ex, r)
	}
}

// firstAnswer lets the handler work and keeps what it answers.
func (a *API) firstAnswer(ex *exchange, r *repeatable) {
	ctx, deferred := a.deps.Answers.db.Defer(ex.ctx, r.take)
	defer deferred.Abort() // after a panic, and for answers that are not kept
	ex.handle(ctx)
	if r.taken { // another request was faster, and its transaction is over by now
		a.lostRace(ex, r)
		return
	}
	buf := a.encoder.buffer()
	defer a.encoder.release(buf)
	var an answer
	var public *apperr.Error
	if ex.err == nil {
		an, ex.err = a.success(ex, buf)
	}
	if ex.err != nil {
		public = apperr.From(ex.err)
		switch class := statusOf(public.Kind()); {
		case clientGone(ex.gin.Request.Context(), ex.err), class >= 500:
			deferred.Abort()
			a.fail(ex, ex.err)
			return
		case public.Kind() == apperr.RateLimited:
			// What the handler recorded of the refusal stays; the key is free again.
			if deferred.Begun() {
				a.logUnkept(ex, deferred.Finish(ctx, r.forget))
			}
			a.fail(ex, ex.err)
			return
		}
		an = a.failure(ex.gin.Request.Header["Accept"], public, ex.tokenSent, ex.client.RequestID, buf)
	}
	if err := deferred.Finish(ctx, r.put(an.keep())); err != nil {
		a.notKept(ex, r, err)
		return
	}
	if public != nil {
		a.noteDenial(ex, public)
	}
	an.write(ex.gin)
}

// lostRace answers with what the faster request was answered.
func (a *API) lostRace(ex *exchange, r *repeatable) {
	switch kept, err := r.kept(ex.ctx); {
	case err != nil:
		a.fail(ex, err)
	case kept != nil:
		a.replay(ex, kept)
	default:
		a.fail(ex, errStillRunning)
	}
}

// notKept answers when the commit failed: nothing happened, whatever the handler said.
func (a *API) notKept(ex *exchange, r *repeatable, err error) {
	if r.taken {
		a.lostRace(ex, r)
		return
	}
	a.fail(ex, err)
}

// logUnkept notes that facts about a refusal were lost, which the client need not know.
func (a *API) logUnkept(ex *exchange, err error) {
	if err != nil {
		a.deps.Log.LogAttrs(ex.ctx, slog.LevelWarn, "a refusal could not be recorded",
			slog.String("request_id", ex.client.RequestID), slog.String("error", err.Error()))
	}
}

// replay repeats a kept answer. Its body is the first one to the byte, the first request
// id included; the X-Request-ID header is that of this request.
func (a *API) replay(ex *exchange, k *keptAnswer) {
	an := answer{
		status: k.Status, media: []string{k.Media}, location: k.Location, etag: k.ETag,
		challenge: k.Challenge, body: k.Body,
	}
	if a.origins.mayKeepCookies(ex.gin.Request.Header) {
		an.cookies = k.Cookies
	}
	ex.gin.Writer.Header()["Idempotency-Replayed"] = []string{"true"}
	an.write(ex.gin)
}
