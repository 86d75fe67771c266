// Package jobs runs work outside requests: periodic jobs, once per interval across
// all replicas, and queued jobs, enqueued in the transaction that causes them.
//
// River (riverqueue.com) does the work on both databases. Queued jobs run at least once,
// with growing pauses after failures, so their functions are repeatable. A periodic job
// runs once per interval: one replica is elected to enqueue it, the queue takes it once
// per interval, and the run itself claims the interval in platform_jobs before it starts
// and books its outcome there afterwards. A failed run waits for the next interval.
//
// A job whose process is killed is found by the others within about half a minute after
// its timeout and runs again. A job that is interrupted by a shutdown is handed back to
// the queue at once. Panics end a run, never the process.
//
// What may be touched: a new kind of job is registered a release before it is first
// enqueued, because a replica of the old release discards kinds that it does not know;
// arguments hold ids only.
package jobs
