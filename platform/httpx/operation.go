package httpx

import (
	"context"
	"io"
	"net/http"

	"github.com/authy2/backend/platform/authn"
)

// Access is who may call an operation. The zero value requires a session, so that a
// forgotten declaration closes the door.
type Access int

// The access rules.
const (
	// SignedIn requires a session by bearer token or cookie.
	SignedIn Access = iota
	// Public needs nothing. A token that is sent along is not looked at.
	Public
	// MaybeSignedIn needs nothing either, but knows a caller who is signed in. A bearer token
	// that is sent along must be valid; a cookie whose session is over is overlooked.
	MaybeSignedIn
)

// StepUp is how recently the user of a session must have proved who they are, beyond
// having a session (RFC 9470). A user who has a second factor must have given it then.
// How recent that is comes with the principal.
type StepUp int

// The demands. The zero value makes none.
const (
	// NoStepUp asks for a session alone.
	NoStepUp StepUp = iota
	// StepUpNeeded asks everybody for a recent proof.
	StepUpNeeded
	// StepUpOrPassword asks only users who have a second factor. The operation takes the
	// current password of everybody else, and its handler refuses a wrong one.
	StepUpOrPassword
	// StepUpForStreams asks for a recent proof where the answer is one of the operation's
	// Streams: a page may be read with a session, and everything taken out only with more.
	StepUpForStreams
)

// Operation declares one operation of the REST API. Everything the system does with
// an operation, from its route to its place in the OpenAPI document, comes from here.
type Operation struct {
	// ID is the operationId: lower-case with dashes, unique.
	ID string
	// Method and Path are the route; path parameters are written {name}.
	Method, Path string
	// Access is who may call it; the zero value requires a session.
	Access Access
	// ComplianceOnly lets sessions in that may only be used to enroll a factor.
	ComplianceOnly bool
	// StepUp is how recently the user must have proved who they are. Whoever has not is
	// answered 401 STEP_UP_REQUIRED on every way in, before anything else is looked at. It
	// needs SignedIn access.
	StepUp StepUp
	// Permission is what the caller's role in an organization must grant, empty for
	// operations that have nothing to do with one. The handler, who knows the organization,
	// has it judged by an [authn.Authorizer] in the statement that does the work; an answer
	// of success to a demand that was never judged is a 500. Such an operation is mounted
	// only where there is an Authorizer.
	Permission authn.Permission
	// Bare answers a success with the data alone, without the envelope, for documents whose
	// form somebody else has laid down, such as the options that a browser hands to a passkey.
	// Errors keep the envelope, and Reply.Message and Reply.Page have no place to be shown.
	Bare bool
	// Streams are the media types that the operation can answer with besides JSON, such as
	// text/csv, when Accept prefers one of them. See [Accepted] and Reply.Stream.
	Streams []string
	// Limits are names of rate limits counted by client address before the handler runs.
	Limits []string
	// Status is the success status; 0 means 200.
	Status int
	// Idempotent honours the Idempotency-Key header. Such an operation does all its
	// work in database transactions, so that effect and stored answer are one commit.
	Idempotent bool
	// Tagged says that answers carry an entity tag, which If-None-Match and If-Match
	// compare with (RFC 9110 §13).
	Tagged bool
	// Summary is one line for the document; Description may say more (Markdown).
	Summary, Description string
	// Tag groups operations in the document.
	Tag string
	// Errors are the statuses that the operation answers beyond those that its
	// declaration implies (400, 401, 403, 404 with a Permission, 413, 415, 429, 500, 503).
	Errors []int
	// BodyExample and ResultExample are shown in the document and must be valid.
	BodyExample, ResultExample any
	// StreamExamples show in the document how each of Streams looks, by media type.
	StreamExamples map[string]string
}

// Reply is the answer of a successful operation. Its zero Header, Cookies and Meta add
// nothing. O is what the envelope shows as data.
type Reply[O any] struct {
	// Data is the payload, shown as data.
	Data O
	// Message is one sentence for people; empty means the operation's summary.
	Message string
	// Location is the Location header of a create whose result can be read.
	Location string
	// ETag is the entity tag of a single resource, quotes included.
	ETag string
	// Cookies are set on the answer, except on cross-origin ones.
	Cookies []*http.Cookie
	// Keep is what the browser keeps for later requests, except of cross-origin answers.
	Keep []Keep
	// SignIn is the session that the operation started; the session cookie is set to
	// its token, except on cross-origin answers. Nil leaves the cookie alone.
	SignIn *authn.IssuedSession
	// SignOut removes the session cookie of the request, because its session is over.
	SignOut bool
	// Page is set for lists.
	Page *Page
	// Stream, when set, is written in place of the envelope. Only operations that declare
	// Streams may set it.
	Stream *Stream
}

// Stream is an answer that is written while it is made, of a size that nobody knows and
// memory does not hold.
type Stream struct {
	// Media is one of the operation's Streams.
	Media string
	// Filename is what a browser saves it as.
	Filename string
	// Write writes the body. An error before the first byte is answered like any other;
	// after it the connection is cut, so that half an answer does not pass for a whole one.
	Write func(ctx context.Context, w io.Writer) error
}

// OK answers with data.
func OK[O any](data O) *Reply[O] { return &Reply[O]{Data: data} }

// Empty is the payload of operations that have nothing to say: data is {}.
type Empty struct{}

// Page is the position of a list answer.
type Page struct {
	// Limit is how many rows were asked for.
	Limit int
	// Next is the opaque cursor of the next page; empty on the last one.
	Next string
}

// Endpoint is an operation with its handler, ready to be mounted.
type Endpoint struct {
	Operation
	mount func(*API)
}

// Handler is the code behind an operation. In is its decoded and validated input; its
// error is an [*apperr.Error] for everything the client may be told.
type Handler[In, Out any] func(ctx context.Context, in *In) (*Reply[Out], error)

// Judge finds what is wrong with an input beyond what the document can say, by field name.
// It runs beside the document's own rules when those found something, so that a client
// hears of everything at once; the input may be incomplete then. A handler judges the
// complete input itself.
type Judge[In any] func(in *In) map[string][]string

// Op joins an operation and its handler, and at most one judge.
func Op[In, Out any](op Operation, handle Handler[In, Out], judge ...Judge[In]) Endpoint {
	return Endpoint{Operation: op, mount: func(a *API) { register(a, op, handle, judge...) }}
}

// Raw is an endpoint that speaks a standard of its own (OIDC, SAML, metrics) and is
// mounted outside the envelope.
type Raw struct {
	// Method is the HTTP method, or empty for every method.
	Method string
	// Path is the route; path parameters are written {name}.
	Path string
	// Handler answers. It finds the route in the request's Pattern.
	Handler http.Handler
	// Refuse answers what the edge refuses before the handler, or after it panicked; nil
	// answers with the envelope.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
}
