// Package platformtest gives tests what they need for real: a private database of either
// kind, a Redis, a clock that is set by hand, golden files. It boots nothing that a test
// could share with another by accident.
//
// The first test of a binary that asks for PostgreSQL or Redis starts a server on a free
// loopback port in a temporary folder; it ends, and the folder goes, with the process,
// however that ends. TEST_POSTGRES_URL and TEST_REDIS_URL name servers to use instead, of
// which the test runner starts one for all binaries. A test that needs a server that is
// missing fails; it is never skipped.
//
// What may be touched: only tests import this package.
package platformtest
