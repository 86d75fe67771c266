// Package mail sends mail without losing any.
//
// A mail is a row in platform_mails, written in the transaction that causes it, with its
// text sealed at rest. A job that is enqueued in the same transaction wakes the delivery;
// every replica also sweeps the rows that are due, so that a lost job loses no mail. A row
// is leased while it is delivered and carries the Message-ID from the beginning, so that a
// crash repeats at most the mails in flight, recognisably.
//
// What may be touched: a way of delivery is a [Transport]. Texts belong to the modules
// that send them. Nothing here logs a text, an address or a link.
package mail
