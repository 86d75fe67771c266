package tenancy

import (
	"fmt"

	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/secret"
)

// purposeInvite is what kind of mail an invitation is.
const purposeInvite = "tenancy.invite"

// maxSubjectName is how much of an organization's name a subject shows, in characters.
const maxSubjectName = 100

// inviteMail is the mail that brings an invitation.
type inviteMail struct {
	organization string
	inviter      string // an address that was proved; empty when there is none
	link         string // it holds the token
	invite       Invite
}

// inviteLink returns the link that an invitation brings.
func (s *Service) inviteLink(token secret.String) string {
	template := s.config.InviteURL
	if template == "" {
		template = mail.PageLink(s.publicURL, invitePagePath)
	}
	return template.Link(token)
}

// letter writes the mail.
func (m inviteMail) letter() mail.Letter {
	const until = "2 January 2006, 15:04 UTC"
	offer := fmt.Sprintf("You are invited to join %s as %s.", m.organization, article(m.invite.Role))
	if m.inviter != "" {
		offer = fmt.Sprintf("%s invites you to join %s as %s.", m.inviter, m.organization, article(m.invite.Role))
	}
	return mail.Letter{
		Purpose: purposeInvite, To: m.invite.Email, Subject: "Invitation to join " + shortened(m.organization, maxSubjectName),
		Lines: []string{
			offer,
			"To accept, open the link by " + m.invite.ExpiresAt.UTC().Format(until) + ". It works once.",
		},
		Action: &mail.Action{Label: "Accept the invitation", URL: m.link},
		Notes:  []string{"If you did not expect this, do nothing: nobody else can use this invitation without the link."},
	}
}

// article returns a role with its article.
func article(r Role) string {
	if r == RoleOwner || r == RoleAdmin {
		return "an " + string(r)
	}
	return "a " + string(r)
}

// shortened returns the first n characters of a text.
func shortened(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
