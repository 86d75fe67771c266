// Package cache keeps what may be lost: Redis when it is configured, this process's
// memory otherwise. Both behave alike and pass one conformance suite.
//
// The centre of the package is [Sliding]: self-contained values that live while they
// are used, are filled once however many callers miss at once, and can be buried so
// that they never come back. The database stays the truth behind it.
//
// What may be touched: a value's layout may change only together with its version
// byte, since two releases share one Redis during an upgrade.
package cache
