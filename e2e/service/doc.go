// Package service runs the stores that the system stands on, PostgreSQL and Redis, as
// private processes on free loopback ports in temporary folders, and does to them what
// life does: freeze, kill, restart, swap for an older copy.
//
// It needs no testing.T, because the test runner and the benchmark use it too.
//
// What may be touched: nothing in here may ever reach a server it did not start.
package service
