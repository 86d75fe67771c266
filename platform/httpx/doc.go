// Package httpx is the HTTP edge: it turns typed operations into routes, validation,
// the OpenAPI document and answers in one envelope.
//
// A module declares an operation once, with [Op], and returns payloads and errors;
// nothing but this package writes a response or knows a status. Protocol endpoints
// that speak their own standard are mounted as [Raw] handlers outside the envelope.
//
// What may be touched: the envelope and the error types are a contract with clients.
package httpx
