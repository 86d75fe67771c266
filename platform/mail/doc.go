// Package mail sends mail without losing any.
//
// A mail is a row in platform_mails, written in the transaction that causes it, with its
// message sealed at rest. A job that is enqueued in the same transaction wakes the
// delivery; every replica also sweeps what is due, so that a lost job loses no mail. A
// row is leased by one conditional update while it is delivered, so that of any number of
// replicas one delivers it, and it carries its Message-ID and date from the beginning, so
// that a crash repeats at most the mails in flight, recognisably.
//
// Whatever is not known to be hopeless is tried again, with pauses that grow to ten
// seconds, for five days (RFC 5321 §4.5.4.1). A mail that is refused for good, cannot be
// opened, or broke the program five times is dead: its row stays for a week with the
// sealed message, an error is logged, and the fact mail.dead is published.
//
// A module writes a [Letter] and has a [Composer] lay it out in the installation's brand.
// [SMTP] hands mails to a mail server, [Maildir] puts them into files where there is none.
//
// What may be touched: a way of delivery is a [Transport]. Texts belong to the modules
// that send them, the layout to this package. Nothing here logs a text, an address or a
// link, and no error's own words are logged or stored, because mail servers quote
// addresses in theirs: see [Failure].
package mail
