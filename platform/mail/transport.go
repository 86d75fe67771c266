package mail

import (
	"context"
	"time"
)

// Envelope is a mail as it is handed to a [Transport].
type Envelope struct {
	// ID is the mail's id, Purpose and MessageID what [Message.Purpose] and RFC 5322
	// §3.6.4 say. All three are the same at every attempt.
	ID, Purpose, MessageID string
	// From and To are bare addresses.
	From, To string
	// Date is when the mail was accepted, which its Date header says.
	Date time.Time
	// Content is the whole message of RFC 5322, with CR LF at the ends of lines.
	Content []byte
}

// Transport delivers mails. It is safe for many goroutines. An error means that the mail
// may be tried again, unless it is a [Failure] that says otherwise; nil means that the
// mail is safe elsewhere. The same mail may be handed over again after a crash.
type Transport interface {
	Deliver(ctx context.Context, e Envelope) error
}

// Failure is the error of a [Transport] that knows what went wrong.
type Failure struct {
	// Permanent means that trying again is useless (5yz of RFC 5321 §4.2.1).
	Permanent bool
	// Reason is logged and stored. It holds no address and nothing of the message; a mail
	// server's own words hold both, its codes neither.
	Reason string
	// Err is the cause, which nobody is shown.
	Err error
}

// Error returns the reason.
func (f *Failure) Error() string { return "mail: " + f.Reason }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }
