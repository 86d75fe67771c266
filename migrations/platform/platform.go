// Package platform is the kernel's own migration line: the state of the installation, the
// log of invalidations, stored answers of idempotent requests and the book of periodic
// jobs. The job queue's tables belong to the same line, pinned by package migrate.
//
// What may be touched: files are added, never changed.
package platform

import "embed"

// FS holds the line.
//
//go:embed *.sql
var FS embed.FS
