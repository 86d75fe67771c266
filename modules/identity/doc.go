// Package identity knows who the users are: their addresses, passwords and profiles, and
// the life of an account from registration to deletion.
//
//	register ──▶ active ⇄ suspended, inactive ──▶ deleted (the row goes, an id-only mark stays)
//
// # Rooms
//
// [Service] holds the use cases that a person asks for. [Directory] is what other modules
// are given: it checks passwords and tells what an account is now. It needs no sessions,
// so that sessions can need it. [StatusGate] stops suspended and inactive users at the end
// of every sign-in. [Rules] judge new passwords.
//
// # Rules that must hold
//
// An answer never tells by its content or its time whether an email has an account, except
// to somebody who registers it or signed in to change to it. Owners are told of every
// change of their credentials, at the address they had before it. Whoever recovers an
// account ends all that was prepared on it before. Hashing happens before transactions, never inside. A change
// of password raises the credential version, and a sign-in whose proof was judged under an
// older version fails. Every change of a user records an invalidation in its transaction,
// so that no replica answers from what it remembers.
//
// What may be touched: the JSON of a user is a contract with clients. Deleting an account
// removes its row in the transaction in which the other modules remove theirs.
package identity
