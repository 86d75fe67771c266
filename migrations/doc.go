// Package migrations holds the database's history: a folder and package per module, each
// with the SQL files of its line. Package migrate of platform applies them.
//
// What may be touched: files are added and never changed once they are released, because
// a database that has applied a file will not apply it again. testdata/released.sha256
// lists them.
package migrations
