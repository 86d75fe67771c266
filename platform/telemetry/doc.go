// Package telemetry is what operators see: structured logs through slog and metrics in
// the Prometheus text format.
//
// Log lines are buffered for up to a second, because a write per request costs three
// times as much as the line itself; warnings and errors are written through at once.
// What may be touched: names of metrics and log keys are watched by operators, so they
// are added, not renamed.
package telemetry
