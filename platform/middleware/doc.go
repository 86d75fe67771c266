// Package middleware holds what every request passes through before an operation sees
// it and what every answer carries: where it came from, a log line and counters,
// security headers, CORS, a bound on the body, and a net under panics.
//
// Each middleware is one small gin handler. They run in the order in which [New of
// package httpx] lists them, because the log must see what recovery made of a panic and
// every answer, a refusal included, must carry the headers.
//
// What may be touched: nothing here knows an operation. What depends on one belongs
// to package httpx.
package middleware
