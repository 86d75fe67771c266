//go:build !unix

package database

import "os"

// flock has no counterpart here; SQLite's own locks still keep writers apart.
func flock(*os.File) error { return nil }
