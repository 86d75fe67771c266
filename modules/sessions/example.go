package sessions

import (
	"time"

	"github.com/authy2/backend/platform/authn"
)

// The examples of the document.

func exampleTime(minute int) time.Time {
	return time.Date(2026, time.November, 24, 9, minute, 0, 0, time.UTC)
}

const (
	exampleUserID    = "0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30"
	exampleSessionID = "0192f0c1-9a10-7c55-8a02-6f0e3d7b1c44"
	exampleProfile   = `{"id":"0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30","email":"bob@acme-corp.com","email_verified":true,` +
		`"full_name":"Bob Builder","avatar_url":null,"status":"active","last_login_at":"2026-11-24T09:00:00Z",` +
		`"last_login_ip":"203.0.113.7","created_at":"2026-11-01T08:00:00Z","updated_at":"2026-11-20T12:30:00Z"}`
	exampleAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
)

func exampleLogin() LoginBody {
	return LoginBody{Email: "bob@acme-corp.com", Password: "UserPass123!"}
}

func exampleLoginResult() LoginResult {
	compliant := authn.Compliant()
	return LoginResult{ //nolint:gosec // an example is no credential
		User: []byte(exampleProfile), Token: "kT4vWcYx0qUe2mZr8sBn6dHf1jLpAoGi3yXt5wRuEzQ", ExpiresAt: exampleTime(15),
		Compliance: &compliant,
	}
}

func exampleMe() Me {
	return Me{User: []byte(exampleProfile), Organizations: []Organization{
		{ID: "0192f0c1-8b00-7f11-b3a4-0d9c5e6f7a88", Name: "Acme Corporation", Slug: "acme-corp", Role: "member"},
	}}
}

func exampleRefresh() Refreshed {
	return Refreshed{ExpiresAt: exampleTime(20), AbsoluteExpiresAt: exampleTime(0).Add(8 * time.Hour)}
}

func exampleList() SessionList {
	ip, agent := "203.0.113.7", exampleAgent
	device := deviceOf(agent)
	return SessionList{Count: 1, Sessions: []Session{{
		ID: exampleSessionID, UserID: exampleUserID, Status: Active, IPAddress: &ip, UserAgent: &agent,
		Device: device, DeviceInfo: device, AuthMethods: []string{MethodPassword}, IsCurrent: true,
		ExpiresAt: exampleTime(15), LastActivityAt: exampleTime(0), CreatedAt: exampleTime(0), UpdatedAt: exampleTime(0),
	}}}
}
