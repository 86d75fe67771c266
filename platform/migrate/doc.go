// Package migrate brings a database to the shape that this release needs, one line of
// steps per module, and back.
//
// A line is a folder of SQL file pairs, <yyyymmddhhmmss>_<name>.tx.up.sql and .tx.down.sql,
// and what cannot be said in SQL as [Step]s in Go. Its history is the table
// <line>_migrations. A .tx. file, its step's row in the history included, is one
// transaction: a migration that was killed leaves nothing half done, and the next run
// resumes. A file without .tx. runs outside a transaction, for what PostgreSQL does not do
// in one (CREATE INDEX CONCURRENTLY); it must be repeatable. Files are templates over
// [Types], for the few types and expressions that differ between the databases.
//
// Replicas that start together migrate once: a lock, which dies with its holder, lets one
// of them work while the others wait. A database that is up to date is recognised without
// the lock. Steps that this release does not know were applied by a newer one, side by
// side with this one during an upgrade; they are left alone. So steps only expand what the
// previous release uses, and contract it a release later.
//
// What may be touched: files are added, never changed; a test keeps their hashes.
package migrate
