// Package invalidation is the second barrier behind the caches: a log in the database
// of everything that makes a remembered value stale, which every replica tails.
//
// The transaction of a revocation, or of a change of user, factor or policy, records
// (kind, subject) in the log. A replica remembers what it has read from the log and
// checks it, at no I/O, after every cache read. A replica whose tail is older than two
// seconds trusts no cache.
//
// What may be touched: kinds may be added. Rows are never changed; they are removed
// once no cached value can be older than they are.
package invalidation
