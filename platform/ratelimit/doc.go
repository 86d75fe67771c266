// Package ratelimit slows down callers: fixed windows per operation, and a growing
// delay for failed proofs of identity.
//
// A fixed window admits exactly L calls per window and key, also under parallel calls
// and across processes when Redis is configured; in memory while Redis is away. The
// growing delay ([Growing]) is an atomic reservation made before a password is hashed;
// [Guard] applies it to accounts and addresses, and lets the owner past.
//
// What may be touched: limits are declared by the modules that own the operations;
// nothing here names one.
package ratelimit
