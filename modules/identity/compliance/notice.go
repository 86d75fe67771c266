package compliance

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// The kinds of mails in the outbox.
const (
	purposeReminder   = "identity.mfa_policy_reminder"
	purposeSuspension = "identity.mfa_policy_suspended"
)

// maxHeading is how much of an organization's name a subject shows, in characters.
const maxHeading = 100

// timeInMails is how times are written in mails.
const timeInMails = "2 January 2006, 15:04 UTC"

// reminder asks a member to set up what their organization asks for. missing is as in
// [Demand.Missing], either says that one of it is enough. A deadline that is over at now has
// limited the member already.
func reminder(organization string, d Demand, missing []string, deadline, now time.Time) Notice {
	n := Notice{
		Purpose: purposeReminder, Subject: "Set up a second factor for " + heading(organization),
		Lines: []string{fmt.Sprintf("%s asks its members for %s.", organization, wanted(d, missing))},
	}
	at := deadline.UTC().Format(timeInMails)
	if deadline.After(now) {
		n.Lines = append(n.Lines, "Set it up until "+at+". From then on you can sign in, but do nothing else before you have.")
	} else {
		n.Lines = append(n.Lines, "The time for that was over on "+at+". You can sign in, but do nothing else before you have set it up.")
	}
	return n
}

// heading returns a name as a subject shows it: one line, and not too much of it.
func heading(name string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}), " ")
	if r := []rune(name); len(r) > maxHeading {
		return string(r[:maxHeading-1]) + "…"
	}
	return name
}

// suspension tells a member that their time is over.
func suspension(organization string, d Demand, missing []string) Notice {
	return Notice{
		Purpose: purposeSuspension, Subject: "Your account is limited until you set up a second factor",
		Lines: []string{
			fmt.Sprintf("%s asks its members for %s, and the time for setting it up is over.", organization, wanted(d, missing)),
			"You can sign in, but do nothing else before you have set it up. Everything is as before then.",
		},
	}
}

// wanted says in words what is missing.
func wanted(d Demand, missing []string) string {
	if len(missing) == 2 {
		if d.Either {
			return "an authenticator app or a passkey"
		}
		return "an authenticator app and a passkey"
	}
	for _, method := range missing {
		if method == MethodWebAuthn {
			return "a passkey"
		}
	}
	return "an authenticator app"
}
