// Package cachetest says what every cache must do, and runs real Redis servers for the
// tests that need one which can be frozen, killed and started again.
//
// What may be touched: a rule added here must hold for every implementation; nothing
// outside tests imports this package.
package cachetest
