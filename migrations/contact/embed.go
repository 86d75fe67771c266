// Package contact is the migration line of the contact module. The module registers
// it; the tables are its own and nobody else's to read or write.
//
// What may be touched: a step that was released never changes; add another one.
package contact

import "embed"

// FS holds the steps, a pair of files each.
//
//go:embed *.sql
var FS embed.FS
