package httpx

import (
	"net/http"
	"time"

	"github.com/authy2/backend/platform/apperr"
)

// exampleRequestID is the request id of the document's examples.
const exampleRequestID = "3f0c7a52-8d5e-4b7e-9d0a-6f1f6f2f9b11"

// exampleError is the error that stands for a status in the document.
func exampleError(status int) *apperr.Error {
	switch status {
	case http.StatusBadRequest:
		return apperr.Field("email", msgEmail)
	case http.StatusUnauthorized:
		return apperr.ErrInvalidToken
	case http.StatusForbidden:
		return apperr.ErrAuthorization
	case http.StatusNotFound:
		return apperr.ErrNotFound
	case http.StatusConflict:
		return apperr.ErrConflict
	case http.StatusGone:
		return apperr.ErrGone
	case http.StatusPreconditionFailed:
		return apperr.ErrPreconditionFailed
	case http.StatusRequestEntityTooLarge:
		return apperr.ErrPayloadTooLarge
	case http.StatusUnsupportedMediaType:
		return apperr.ErrUnsupportedMediaType
	case http.StatusTooManyRequests:
		return apperr.ErrRateLimited.WithRetryAfter(30 * time.Second)
	case http.StatusBadGateway:
		return apperr.ErrUpstream
	case http.StatusServiceUnavailable:
		return apperr.ErrUnavailable.WithRetryAfter(time.Second)
	case http.StatusGatewayTimeout:
		return apperr.ErrUpstreamTimeout
	}
	return apperr.ErrInternal
}
