package compliance

import (
	"fmt"
	"time"
)

// The kinds of mails in the outbox.
const (
	purposeReminder   = "identity.mfa_policy_reminder"
	purposeSuspension = "identity.mfa_policy_suspended"
)

// timeInMails is how times are written in mails.
const timeInMails = "2 January 2006, 15:04 UTC"

// reminder asks a member to set up what their organization asks for. missing is as in
// [Demand.Missing], either says that one of it is enough. A deadline that is over at now has
// limited the member already.
func reminder(organization string, d Demand, missing []string, deadline, now time.Time) Notice {
	n := Notice{
		Purpose: purposeReminder, Subject: "Set up a second factor for " + organization,
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
