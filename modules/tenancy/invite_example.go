package tenancy

import (
	"time"

	"github.com/authy2/backend/platform/httpx"
)

// The examples of the document.

const (
	exampleInvitee     = "carol@acme-corp.com"
	exampleInvitedUser = `{"id":"0192f0c1-8e41-7b0c-a5d7-3c2d9e6f5b41","email":"carol@acme-corp.com","email_verified":true,` +
		`"full_name":"Carol Developer","avatar_url":null,"status":"active","last_login_at":"2026-11-24T09:00:00Z",` +
		`"last_login_ip":"203.0.113.9","created_at":"2026-11-24T09:00:00Z","updated_at":"2026-11-24T09:00:00Z"}`
	exampleInvitedTo = "0192f0c2-1a2b-7c3d-8e4f-5a6b7c8d9e01"
)

func exampleInvite() Invite {
	at := time.Date(2026, time.November, 24, 8, 30, 0, 0, time.UTC)
	return Invite{
		ID: "0192f0c3-5d6e-7f80-9a1b-2c3d4e5f6071", OrganizationID: exampleInvitedTo, Email: exampleInvitee, Role: RoleMember,
		InvitedByID: "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30", ExpiresAt: at.Add(inviteLife), CreatedAt: at, UpdatedAt: at,
	}
}

func exampleReceived() ReceivedInvite {
	i := exampleInvite()
	return ReceivedInvite{
		ID: i.ID, Email: i.Email, Organization: exampleInviting(), Role: i.Role, ExpiresAt: i.ExpiresAt, CreatedAt: i.CreatedAt,
	}
}

func exampleInviting() InvitingOrganization {
	return InvitingOrganization{ID: exampleInvitedTo, Name: "Acme Corporation"}
}

func examplePreview() InvitePreview {
	return InvitePreview{Email: exampleInvitee, Organization: exampleInviting(), Role: RoleMember}
}

func exampleAcceptance() AcceptBody {
	const password, name = "violet harbour 7 tandem", "Carol Developer"
	full := name
	return AcceptBody{Password: password, Confirm: password, FullName: httpx.Optional[string]{Set: true, Value: &full}}
}

func exampleAccepted() AcceptResult {
	at := exampleInvite().CreatedAt
	return AcceptResult{ //nolint:gosec // the token is an example of the document and opens nothing
		User: []byte(exampleInvitedUser), Token: "kT4vWcYx0qUe2mZr8sBn6dHf1jLpAoGi3yXt5wRuEzQ", ExpiresAt: at.Add(45 * time.Minute),
		Organization: Organization{
			ID: exampleInvitedTo, Name: "Acme Corporation", Slug: "acme-corp", IsActive: true, Role: RoleMember, CreatedAt: at, UpdatedAt: at,
		},
	}
}
