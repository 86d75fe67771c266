// Package harness runs the built binary the way an operator would, in every deployment
// the system promises, and speaks HTTP with it the way a client would.
//
// Every answer that passes through [Server.Do] is checked against what holds for all
// answers: the envelope, the request id, the security headers, no 5xx. Every log line is
// checked at the end of a journey: no error, and no secret that the journey used.
//
// What may be touched: checks may be added; a journey that needs one relaxed says so
// with a field of [Options] or [Call], never by going around the harness.
package harness
