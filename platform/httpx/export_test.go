package httpx

// IdempotencyKey lets the fuzz test reach the parser of the header.
var IdempotencyKey = idempotencyKey
