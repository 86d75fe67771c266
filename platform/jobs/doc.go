// Package jobs runs work outside requests: periodic jobs, once per interval across
// all replicas, and queued jobs, enqueued in the transaction that causes them.
//
// River (riverqueue.com) does the work on both databases. What may be touched: a new
// kind of job is registered a release before it is first enqueued, because a replica
// of the old release discards kinds that it does not know; arguments hold ids only.
package jobs
