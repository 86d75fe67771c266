// Package configs holds the settings of each profile, built into the binary.
//
// They lie between the defaults of the code and what the operator sets, so they only say
// in what a profile differs. What may be touched: values; the keys are declared by the
// code that reads them.
package configs

import "embed"

// FS holds development.yaml, testing.yaml and production.yaml.
//
//go:embed *.yaml
var FS embed.FS

// Example is the text of .env.example, which is copied to .env to begin with.
//
//go:embed .env.example
var Example string
