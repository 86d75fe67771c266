package contact

import (
	"strings"

	"github.com/authy2/backend/platform/mail"
)

// The kinds of mail that this module sends.
const (
	purposeEnquiry         = "contact.enquiry"
	purposeAcknowledgement = "contact.acknowledgement"
)

// maxSubjectName is how much of a name a subject shows, in characters.
const maxSubjectName = 100

// timeForm is how mails tell a time, which is UTC.
const timeForm = "2 January 2006, 15:04 UTC"

// letter is the mail that brings the enquiry to its recipient. Who sent it stands before
// what they wrote, which could otherwise tell of somebody else.
func (e Enquiry) letter(recipient string) mail.Letter {
	about := []string{"Name: " + e.Name, "Email: " + e.Email}
	if e.Company != nil {
		about = append(about, "Company: "+*e.Company)
	}
	if e.Phone != nil {
		about = append(about, "Phone: "+*e.Phone)
	}
	return mail.Letter{
		Purpose: purposeEnquiry, To: recipient, ReplyTo: e.Email,
		Subject: e.Type.title() + " from " + shortened(e.Name, maxSubjectName),
		Heading: e.Type.title(),
		Lines:   []string{strings.Join(about, "\n"), e.Message},
		Notes: []string{
			"Your answer to this mail goes to the sender, whose address nobody has verified.",
			"Enquiry " + e.ID + ", received on " + e.CreatedAt.UTC().Format(timeForm) + ".",
		},
	}
}

// acknowledgement tells the sender that the enquiry arrived. It holds nothing that they
// wrote, because the address may be anybody's.
func (e Enquiry) acknowledgement() mail.Letter {
	return mail.Letter{
		Purpose: purposeAcknowledgement, To: e.Email, Subject: "We received your enquiry",
		Lines: []string{
			"Thank you for writing to us. Your enquiry arrived, and we will answer to this address.",
			"Its number is " + e.ID + ", and it was received on " + e.CreatedAt.UTC().Format(timeForm) + ".",
		},
		Notes: []string{"If you did not write to us, somebody gave your address by mistake. There is nothing that you need to do."},
	}
}

// shortened returns the first n characters of a text.
func shortened(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
