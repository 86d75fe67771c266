// Package e2e is the black-box side of the system: journeys that speak HTTP with the
// built binary, on SQLite, on PostgreSQL with Redis, and with two processes that share
// one PostgreSQL and one Redis.
//
// It imports no module and nothing of the kernel: what it knows is what a client, an
// operator or an attacker could know. The journeys are the tests of this package; the
// packages beside it start services (service), run the binary (harness), read the
// OpenAPI document (contract), and are the programs behind make test, make bench and
// make module (cmd).
//
// What may be touched: journeys may be added freely. A journey that fails is a defect of
// the system until shown otherwise; bounds in here are promises and are not loosened.
package e2e
