// Package identitypolicies is the migration line of what organizations ask of their members'
// second factors. It is applied while identity's feature mfa and the module tenancy are on.
//
// What may be touched: a step that was released never changes; add another one.
package identitypolicies

import "embed"

// FS holds the steps, a pair of files each.
//
//go:embed *.sql
var FS embed.FS
