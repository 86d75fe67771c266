package apperr

import (
	"errors"
	"maps"
	"time"
)

// Kind is the class of an error and decides its HTTP status. The zero value is
// [Internal], so that an error nobody classified never blames the client.
type Kind int

// The kinds, in the order of their HTTP statuses.
const (
	Internal             Kind = iota // 500
	Invalid                          // 400
	Unauthenticated                  // 401
	Forbidden                        // 403
	NotFound                         // 404
	MethodNotAllowed                 // 405
	Conflict                         // 409
	Gone                             // 410
	PreconditionFailed               // 412
	TooLarge                         // 413
	UnsupportedMediaType             // 415
	RateLimited                      // 429
	Upstream                         // 502
	Unavailable                      // 503
	UpstreamTimeout                  // 504
)

// Code is the stable error type that clients switch on, such as VALIDATION_ERROR.
type Code string

// Error is an error that a client may be told about. Errors are values: every
// method that changes something returns a copy, so that a package may keep its
// errors in variables and hand them to many goroutines.
type Error struct {
	kind       Kind
	code       Code
	message    string
	details    map[string]any
	cause      error
	retryAfter time.Duration
}

// New returns an error of the kind with its stable code and a message for people.
// The message reaches clients: it holds no secret and does not retell input.
func New(kind Kind, code Code, message string) *Error {
	return &Error{kind: kind, code: code, message: message}
}

// Error returns the public message, followed by the cause for the log.
func (e *Error) Error() string {
	if e.cause == nil {
		return e.message
	}
	return e.message + ": " + e.cause.Error()
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an [*Error] of the same kind and code: copies made
// by [Error.With] and [Error.Wrap] match the error they were made from.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.kind == e.kind && t.code == e.code
}

// Kind returns the class of the error.
func (e *Error) Kind() Kind { return e.kind }

// Code returns the stable error type.
func (e *Error) Code() Code { return e.code }

// Message returns the text for people.
func (e *Error) Message() string { return e.message }

// Details returns what else the client is told; nil when there is nothing. The
// caller must not change the map.
func (e *Error) Details() map[string]any { return e.details }

// RetryAfter returns how long the client is asked to wait; zero means it is not told.
func (e *Error) RetryAfter() time.Duration { return e.retryAfter }

// With returns a copy that tells the client one thing more.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.details = maps.Clone(e.details)
	if c.details == nil {
		c.details = make(map[string]any, 1)
	}
	c.details[key] = value
	return &c
}

// WithMessage returns a copy with another text for people.
func (e *Error) WithMessage(message string) *Error {
	c := *e
	c.message = message
	return &c
}

// WithRetryAfter returns a copy that asks the client to wait for d.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := *e
	c.retryAfter = d
	return &c
}

// Wrap returns a copy that keeps cause for the log. The client never sees it.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// From returns the [*Error] inside err, or the internal error wrapping err. It
// returns nil for nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return ErrInternal.Wrap(err)
}
