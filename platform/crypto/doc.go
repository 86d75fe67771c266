// Package crypto is where secrets are made, kept and checked: tokens and their hashes,
// sealed values with key ids, keyed hashes, and passwords behind one bounded pool.
//
// It composes the primitives of the standard library and golang.org/x/crypto and
// invents none, with one named exception: package lanes computes bcrypt for four passwords
// at once. Uses of one master key are separated by HKDF labels (RFC 5869).
//
// What may be touched: formats carry a version and a key id; old ones stay readable.
package crypto
