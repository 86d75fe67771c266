// Package audit is the migration line of the audit module. The module registers
// it; the tables are its own and nobody else's to read or write.
//
// What may be touched: a step that was released never changes; add another one.
package audit

import "embed"

// FS holds the steps, a pair of files each.
//
//go:embed *.sql
var FS embed.FS
