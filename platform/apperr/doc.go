// Package apperr is the one error vocabulary of the system.
//
// A use case returns an [*Error] for everything a client may be told; any other
// error is internal, and the edge answers it with a 500 that says nothing and logs
// everything. Kinds decide the HTTP status, codes are part of the API.
//
// What may be touched: codes may be added, never renamed. Nothing here knows HTTP;
// package httpx is the only place where a [Kind] meets a status.
package apperr
