// Package httpx is the HTTP edge: it turns typed operations into routes, validation,
// the OpenAPI document and answers in one envelope.
//
// A module declares an operation once, with [Op], and returns payloads and errors;
// nothing but this package writes a response or knows a status. Protocol endpoints
// that speak their own standard are mounted as [Raw] handlers outside the envelope.
//
// A request passes package middleware, then in this order: the access rule (who is
// calling, by bearer token or cookie, and whether a cookie may change something), the
// rate limits, the check of path, query and body against the document's own schemas,
// the Idempotency-Key, and the handler. Huma binds the checked input to its Go type and
// describes it; everything that clients see is written by [API] alone.
//
// An operation that declares a Permission carries an [authn.Demand] in its context. A
// handler that succeeds without having had it judged is answered with a 500, and a member
// who is refused is reported to Deps.Denied when the handler's transaction is over.
//
// What an input may use: the struct tags of huma (path, query, header, minLength, enum,
// doc, …), [ID] for identifiers in paths, [PageQuery] for lists, [IfMatch] for changes,
// [Optional] for members of a PATCH, and format:"multiline" for texts with line breaks.
// Embedded structs must have exported names, or huma overlooks their fields.
//
// What may be touched: the envelope and the error types are a contract with clients.
package httpx
