// Package database is the one way to the database: bun on PostgreSQL or SQLite, with
// one behaviour. It opens, runs transactions, prepares hot look-ups, translates driver
// errors and tells the database's time.
//
// What may be touched: no other package opens a connection or begins a transaction.
// A transaction inside a transaction, and a pool read inside one, panic.
package database
