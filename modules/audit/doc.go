// Package audit keeps the trail: who did what to which thing, when, and whether it
// succeeded. Facts are written in the transaction that makes them true, sealed in batches
// that nobody can alter unnoticed, and read by organizations and by the users themselves.
//
// Personal data is never in a row. It lies beside it, encrypted with a key of the person
// it belongs to, so that forgetting somebody leaves every seal valid.
//
// # What is proved
//
// A job seals rows a few seconds after they are committed: at most ten, unless the database
// or every sealer is away. A seal signs (Ed25519) its number and time, how many rows it has,
// the root of their Merkle tree (RFC 6962 §2.1) and the head of the seal before it; its own
// head goes into the log and, where AUDIT_HEAD_FILE says so, to a file elsewhere. Sealing
// holds no row that a request waits for, and a row that is committed late is sealed late.
// authy2 audit verify recomputes all of it and names the first row or seal that was
// altered, removed, inserted or moved; so it does for personal data, which a row is bound
// to by a hash keyed with a key of the person, and which may be missing only where it was
// erased or its rows were pruned, both marked in a way that only this module can.
//
// An archive (authy2 audit export --signed) proves the same without the database to
// whoever knows a public key. What is left out of it stays unseen; that nothing is left out
// which was asked for, it does not prove.
//
// # What is not
//
// Until it is sealed, a row is kept by a code with a key derived from ENCRYPTION_KEY: it
// cannot be altered unnoticed, but it can be deleted. So can the end of the chain with
// everything in it, by somebody who puts an older record of the newest seal in its place;
// a head that was kept elsewhere (--head-file) tells. Not found either are: another order
// (xid) among unsealed rows, the mark of an erasure that nothing was erased by, and lost
// records of how far deletion marks and erasures were read, which are only read again.
//
// Whoever has the database and ENCRYPTION_KEY can sign anything anew, except against
// heads and archives that are elsewhere.
//
// An old ENCRYPTION_KEY may leave the ring once the seal job has run with the new one,
// except that failed log-ins with an address from the time of the old key are then not
// found any more when the owner of that address is deleted.
//
// What may be touched: the operations in handler.go are a contract with clients; the form
// in which a row is hashed (entry.go) never changes for rows that are there; the tables
// audit_… are this module's own, and nobody else reads or writes them.
package audit
