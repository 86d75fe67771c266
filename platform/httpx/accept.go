package httpx

import "context"

// Accepted returns which of the operation's Streams the client prefers to JSON (RFC 9110
// §12.5.1); empty when it wants JSON, or says nothing.
func Accepted(ctx context.Context) string { return exchangeFrom(ctx).stream }
