// Package database is the one way to the database: bun on PostgreSQL or SQLite, with
// one behaviour. It opens, runs transactions, prepares hot look-ups, translates driver
// errors and tells the database's time.
//
// # Reading and writing
//
// [DB.Read] is a bun handle for reads outside transactions. Every query on it is bounded
// by [Settings.Timeout], counted from the moment it waits for a connection, and is not
// cancelled by a client that leaves: cancelling costs PostgreSQL the connection.
// [DB.InTx] is the only way to write. It runs on a context that a client's disconnect
// does not cancel, repeats the whole function when the database asks for it (deadlock,
// serialization failure, SQLITE_BUSY), and runs the hooks of [AfterCommit] and
// [AfterRollback] once. [DB.Prepare] gives statements that the server really prepares;
// bun writes its arguments into the text, so that PostgreSQL plans each time.
//
// # Errors
//
// Whatever goes through this package has its errors translated: a database that is
// stopped, frozen, full, overloaded or out of reach is apperr.ErrUnavailable with the
// driver's error wrapped, and errors.As still finds that one. Other driver errors come
// as they are; [IsUnique] and [IsNotFound] name the two that stores act on.
//
// # Times
//
// Times are stored in UTC with microseconds: timestamptz on PostgreSQL, text of the
// form 2006-01-02 15:04:05.999999+00:00 on SQLite. bun and the driver write the same
// text there, and because '+' sorts before '.' and '.' before digits, comparing texts
// compares times. Arguments are brought to that form on their way to the driver, by
// bun and by [Stmt] alike. A literal in SQL must have the same form. On SQLite a column
// is read back as a time when its declared type is TIMESTAMP; an expression such as
// max(created_at) has none and is read with [Time].
//
// What may be touched: no other package opens a connection or begins a transaction.
// A transaction inside a transaction, and a pool read inside one, are mistakes: they
// would deadlock under load. Under [Settings.Strict], which tests set, both panic.
package database
