package identity

import (
	"time"

	"github.com/authy2/backend/platform/httpx"
)

// The examples of the document.

const exampleProfile = `{"id":"0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30","email":"bob@acme-corp.com","email_verified":true,` +
	`"full_name":"Bob Builder","avatar_url":null,"status":"active","last_login_at":"2026-11-24T09:00:00Z",` +
	`"last_login_ip":"203.0.113.7","created_at":"2026-11-01T08:00:00Z","updated_at":"2026-11-20T12:30:00Z"}`

const (
	exampleOldPassword = "UserPass123!"
	exampleNewPassword = "violet harbour 7 tandem"
)

const (
	exampleEmail = "bob@acme-corp.com"
	exampleToken = "Zm9yIHRoZSBkb2N1bWVudCBvbmx5LCBub3QgYSB0b2s" //nolint:gosec // it opens nothing
)

func exampleReset() ResetBody {
	return ResetBody{Token: exampleToken, Password: exampleNewPassword, Confirm: exampleNewPassword}
}

func exampleText(s string) httpx.Optional[string] {
	return httpx.Optional[string]{Set: true, Value: &s}
}

func exampleRegister() RegisterBody {
	return RegisterBody{
		Email: "bob@acme-corp.com", Password: exampleOldPassword, Confirm: exampleOldPassword, FullName: exampleText("Bob Builder"),
	}
}

func exampleRegistered() RegisterResult {
	return RegisterResult{ //nolint:gosec // the token is an example of the document and opens nothing
		User: []byte(exampleProfile), Token: "kT4vWcYx0qUe2mZr8sBn6dHf1jLpAoGi3yXt5wRuEzQ",
		ExpiresAt: time.Date(2026, time.November, 24, 9, 15, 0, 0, time.UTC),
	}
}

func exampleUpdate() UpdateBody { return UpdateBody{FullName: exampleText("Bob Builder")} }

func exampleDelete() DeleteBody { return DeleteBody{Current: exampleOldPassword} }

func examplePassword() PasswordBody {
	return PasswordBody{Current: exampleOldPassword, New: exampleNewPassword, Confirm: exampleNewPassword}
}

func exampleExport() map[string]any {
	return map[string]any{exportSection: httpx.RawObject[User](exampleProfile)}
}
