// Package kernel knows what a module is and nothing of what modules do.
//
// A [Module] is plain data and one build function. [NewPlan] decides which modules are
// on and in which order, and reports every mistake at once, before anything is built.
// What a module adds to the system is a [Contribution]; the kernel collects, sorts and
// mounts them. A module that is off is not built, not mounted, not migrated, not listed.
//
// What may be touched: a new kind of contribution is a new field of Contribution and
// one place that consumes it.
package kernel
