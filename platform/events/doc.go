// Package events carries facts from the module that makes them true to the modules
// that must act on them, without either importing the other.
//
// A fact is published inside the transaction that makes it true. In-transaction
// subscribers run there and then: both commit or neither does. Later subscribers are
// jobs enqueued in the same transaction and run at least once after the commit.
//
// What may be touched: event types may gain fields, never lose them: jobs written by
// the last release are read by this one.
package events
