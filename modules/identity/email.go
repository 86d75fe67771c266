package identity

import "github.com/authy2/backend/platform/httpx"

// ParseEmail returns the address in the form in which it is kept and looked up, and
// whether it is one; see [httpx.NormalEmail].
func ParseEmail(s string) (string, bool) { return httpx.NormalEmail(s) }
