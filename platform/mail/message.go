package mail

import (
	"context"

	"github.com/uptrace/bun"
)

// Message is a mail to one person.
type Message struct {
	// Purpose says what kind of mail it is, such as tenancy.invite: for logs, metrics and
	// names of files. It is a constant of the program.
	Purpose string `json:"purpose"`
	// To is the bare address of the recipient (RFC 5321 §4.1.2).
	To string `json:"to"`
	// ReplyTo is the bare address that answers go to; empty for none.
	ReplyTo string `json:"reply_to,omitempty"`
	// Subject is one line in any language.
	Subject string `json:"subject"`
	// Text is the plain text, HTML the same for programs that show it; HTML may be empty.
	Text string `json:"text"`
	HTML string `json:"html,omitempty"`
}

// Outbox takes mails. The kernel gives one to modules.
type Outbox interface {
	// Send keeps the mail in tx and has it delivered after the commit. It is an error of
	// the program when an address or the subject holds a line break.
	Send(ctx context.Context, tx bun.Tx, m Message) error
}
