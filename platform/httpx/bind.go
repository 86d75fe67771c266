package httpx

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/authy2/backend/platform/apperr"
)

// bindError is what huma makes of an input that it cannot bind. Requests were checked
// before, so that it stands for the few values that only their Go type can judge.
type bindError struct {
	status  int
	message string
}

// Error returns huma's message, which holds no value of the request.
func (e *bindError) Error() string { return e.message }

// GetStatus returns huma's status.
func (e *bindError) GetStatus() int { return e.status }

// Schema describes it as the error envelope, which is what clients see.
func (*bindError) Schema(r huma.Registry) *huma.Schema { return errorEnvelopeSchema(r) }

// bindFailure is the error that the client is told. It never repeats huma's details,
// which hold the offending values.
func bindFailure(status int, errs []error) *apperr.Error {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return apperr.ErrPayloadTooLarge
	case status >= http.StatusInternalServerError:
		return apperr.ErrInternal
	case len(errs) == 0:
		return apperr.ErrBadRequest
	}
	v := violations{}
	for _, err := range errs {
		if d, ok := err.(huma.ErrorDetailer); ok {
			v.add(fieldOf(d.ErrorDetail().Location), msgInvalid)
		} else {
			v.add(wholeBody, msgInvalid)
		}
	}
	return v.err()
}
