// Package identitymfa is the migration line of identity's feature mfa: authenticator apps,
// recovery codes, passkeys, challenges and remembered devices. It is applied while the
// feature is on, after identity's own line.
//
// What may be touched: a step that was released never changes; add another one.
package identitymfa

import "embed"

// FS holds the steps, a pair of files each.
//
//go:embed *.sql
var FS embed.FS
