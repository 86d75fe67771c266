package identity

import (
	"fmt"
	"time"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/mail"
)

// pages are where the links of mails lead.
type pages struct{ verify, reset mail.LinkTemplate }

// newPages returns the operator's pages, and this server's where there are none.
func newPages(c Config, publicURL string) pages {
	p := pages{c.EmailVerifyURL, c.PasswordResetURL}
	if p.verify == "" {
		p.verify = mail.PageLink(publicURL, "/verify-email")
	}
	if p.reset == "" {
		p.reset = mail.PageLink(publicURL, "/reset-password")
	}
	return p
}

// timeInMails is how times are written in mails.
const timeInMails = "2 January 2006, 15:04 UTC"

func until(t time.Time) string { return t.UTC().Format(timeInMails) }

// tokenLetter is the mail that brings a token to the address that it is to prove. account
// is the address that the account has now.
func (p pages) tokenLetter(t *tokenRow, account, brand, link string) mail.Letter {
	l := mail.Letter{Purpose: "identity." + string(t.Purpose), To: t.Email, Action: &mail.Action{URL: link}}
	once := "The link works once, until " + until(t.ExpiresAt) + "."
	switch t.Purpose {
	case PurposeReset:
		l.Subject = "Choose a new password"
		l.Action.Label = "Choose a new password"
		l.Lines = []string{fmt.Sprintf("Somebody asked for a new password for the %s account of %s.", brand, account), once}
		l.Notes = []string{
			"If that was not you, do nothing: the password stays as it is, and nobody else can change it without this mail.",
			"A new password ends every session of the account.",
		}
	case PurposeChange:
		l.Subject = "Confirm your new email address"
		l.Action.Label = "Confirm this address"
		l.Lines = []string{fmt.Sprintf("The %s account of %s is to be changed to the address that this mail came to.", brand, account), once}
		l.Notes = []string{"If you do not know that account, do nothing: it keeps the address that it has."}
	default:
		l.Subject = "Verify your email address"
		l.Action.Label = "Verify this address"
		l.Lines = []string{fmt.Sprintf("This address was given for an account at %s. Confirm that it is yours.", brand), once}
		l.Notes = []string{"If you did not create an account, do not follow the link: somebody else may have typed your address."}
	}
	return l
}

// notice is a mail that tells the owner of an account what was done to it.
type notice struct {
	purpose, subject string
	lines            []string
	// alarm is what to do when it was not the owner.
	alarm string
}

const alarmPassword = "If this was not you, ask for a new password at once: that ends every session, also a stranger's."

func passwordChanged() notice {
	return notice{
		purpose: "identity.password_changed", subject: "Your password was changed",
		lines: []string{"The password of your account was changed. Every other session of the account was ended."}, alarm: alarmPassword,
	}
}

func passwordReset() notice {
	return notice{
		purpose: "identity.password_reset_done", subject: "Your password was reset",
		lines: []string{"A new password was chosen for your account with a link that was mailed to you. Every session of the account was ended."},
		alarm: alarmPassword,
	}
}

func passwordSet() notice {
	return notice{
		purpose: "identity.password_changed", subject: "Your password was changed",
		lines: []string{"An administrator set a new password for your account. Every session of the account was ended."},
		alarm: "If you did not expect this, ask whoever runs this service.",
	}
}

func emailChangeRequested(to string) notice {
	return notice{
		purpose: "identity.email_change_requested", subject: "A new email address for your account",
		lines: []string{
			"Somebody who is signed in to your account and knows its password wants to change its address to " + to + ".",
			"The account keeps this address until the new one is confirmed.",
		},
		alarm: "If this was not you, change your password at once: that also takes the request back.",
	}
}

func emailChanged(to string) notice {
	return notice{
		purpose: "identity.email_changed", subject: "Your email address was changed",
		lines: []string{"The address of your account was changed to " + to + ". Mails about the account do not come here any more."},
		alarm: "If this was not you, tell whoever runs this service.",
	}
}

// letter writes the notice to an address. client is who did it; the zero Client is nobody
// who came over the network.
func (n notice) letter(to string, at time.Time, client authn.Client) mail.Letter {
	when := "When: " + until(at)
	if client.Address.IsValid() {
		when += "\nFrom: " + client.Address.Unmap().WithZone("").String()
	}
	return mail.Letter{
		Purpose: n.purpose, To: to, Subject: n.subject, Lines: append(n.lines[:len(n.lines):len(n.lines)], when), Notes: []string{n.alarm},
	}
}
