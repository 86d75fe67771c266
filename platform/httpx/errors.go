package httpx

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
)

// statusClientGone is logged for requests whose client left before the answer. Nobody
// receives it.
const statusClientGone = 499

// statusOf is the one place where the class of an error meets an HTTP status.
func statusOf(kind apperr.Kind) int {
	switch kind {
	case apperr.Invalid:
		return http.StatusBadRequest
	case apperr.Unauthenticated:
		return http.StatusUnauthorized
	case apperr.Forbidden:
		return http.StatusForbidden
	case apperr.NotFound:
		return http.StatusNotFound
	case apperr.MethodNotAllowed:
		return http.StatusMethodNotAllowed
	case apperr.Conflict:
		return http.StatusConflict
	case apperr.Gone:
		return http.StatusGone
	case apperr.PreconditionFailed:
		return http.StatusPreconditionFailed
	case apperr.TooLarge:
		return http.StatusRequestEntityTooLarge
	case apperr.UnsupportedMediaType:
		return http.StatusUnsupportedMediaType
	case apperr.RateLimited:
		return http.StatusTooManyRequests
	case apperr.Upstream:
		return http.StatusBadGateway
	case apperr.Unavailable:
		return http.StatusServiceUnavailable
	case apperr.UpstreamTimeout:
		return http.StatusGatewayTimeout
	case apperr.Internal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// clientGone reports whether err means that nobody waits for the answer any more.
func clientGone(ctx context.Context, err error) bool {
	return errors.Is(err, context.Canceled) && ctx.Err() != nil
}

// report logs what the client is not told: the cause of an internal error, and the
// cause of a refusal by a dependency.
func (a *API) report(ctx context.Context, client authn.Client, route string, err *apperr.Error) {
	level := slog.LevelError
	switch err.Kind() {
	case apperr.Internal:
	case apperr.Unavailable, apperr.Upstream, apperr.UpstreamTimeout:
		if err.Unwrap() == nil {
			return
		}
		level = slog.LevelWarn
	default:
		return
	}
	a.deps.Log.LogAttrs(ctx, level, "request failed",
		slog.String("request_id", client.RequestID),
		slog.String("trace_id", client.TraceID),
		slog.String("route", route),
		slog.String("code", string(err.Code())),
		slog.String("error", err.Error()))
}

// retryAfter returns the value of Retry-After in whole seconds, rounded up, or empty.
func retryAfter(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

// challenge returns the value of WWW-Authenticate for a 401. tokenSent is true when the
// request carried a bearer token in due form (RFC 6750 §3: only then is an error named).
func challenge(err *apperr.Error, tokenSent bool) string {
	switch err.Code() {
	case apperr.CodeInvalidToken, apperr.CodeSessionInactive:
		if tokenSent {
			return `Bearer error="invalid_token"`
		}
	case apperr.CodeStepUpRequired: // RFC 9470 §3
		return stepUpChallenge(err)
	default: // no other refusal names an error
	}
	return "Bearer"
}
