// Package contract reads the OpenAPI 3.1 document that the binary serves and holds real
// answers against it: an answer must have a documented status and media type, and its body
// must be what the schema says.
//
// It also makes up requests from the document, right ones and wrong ones, for the fuzz
// test that no input may answer with a 5xx.
//
// What may be touched: nothing in here may know an operation by name.
package contract
