package httpx

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/authy2/backend/platform/apperr"
)

// mediaProblem is the media type of RFC 9457.
const mediaProblem = "application/problem+json"

// Problem is an error in the form of RFC 9457.
type Problem struct {
	// Type is a URI that names the error and shows its description.
	Type string `json:"type" format:"uri" doc:"URI of the description of the error type"`
	// Title is the status in words.
	Title string `json:"title" doc:"The status in words"`
	// Status is the HTTP status.
	Status int `json:"status" doc:"The HTTP status"`
	// Detail is one sentence for people.
	Detail string `json:"detail" doc:"One sentence for people"`
	// Instance is the request id.
	Instance string `json:"instance" doc:"The request id"`
	// Code is the stable error type.
	Code string `json:"code" doc:"The stable error type"`
	// Errors are the violations of a validation error.
	Errors []Violation `json:"errors" nullable:"false" doc:"Every violation of a validation error"`
	// Details is whatever else the error tells, as in the envelope.
	Details map[string]any `json:"details,omitempty" doc:"What else the error tells, as in the envelope"`
}

// Violation is one complaint about one part of a request.
type Violation struct {
	// Field is the field, or _schema for the body as a whole.
	Field string `json:"field" doc:"The field, or _schema for the body as a whole"`
	// Detail is what is wrong with it.
	Detail string `json:"detail" doc:"What is wrong with it"`
}

// problem writes err as RFC 9457.
func (e *encoder) problem(b *bytes.Buffer, base string, status int, requestID string, err *apperr.Error) error {
	p := Problem{
		Type: base + "/api/docs#" + string(err.Code()), Title: http.StatusText(status), Status: status,
		Detail: err.Message(), Instance: requestID, Code: string(err.Code()), Errors: []Violation{},
	}
	if err.Code() == apperr.CodeValidation {
		p.Errors = flatten("", err.Details())
	} else {
		p.Details = err.Details()
	}
	return json.MarshalWrite(b, &p, e.options)
}

// flatten turns the details of a validation error into a list in order of the fields.
func flatten(prefix string, details map[string]any) []Violation {
	out := []Violation{}
	for field, value := range details {
		if prefix != "" {
			field = prefix + "." + field
		}
		switch v := value.(type) {
		case []string:
			for _, message := range v {
				out = append(out, Violation{Field: field, Detail: message})
			}
		case map[string]any:
			out = append(out, flatten(field, v)...)
		}
	}
	slices.SortStableFunc(out, func(a, b Violation) int { return strings.Compare(a.Field, b.Field) })
	return out
}
