package factor

import (
	"time"

	"github.com/authy2/backend/platform/authn"
)

// The examples of the document. They open nothing.

const (
	exampleProfile = `{"id":"0192f0c1-7d3e-7a4b-9f6e-2b1c8d5e4a30","email":"bob@acme-corp.com","email_verified":true,` +
		`"full_name":"Bob Builder","avatar_url":null,"status":"active","last_login_at":"2026-11-24T09:00:00Z",` +
		`"last_login_ip":"203.0.113.7","created_at":"2026-11-01T08:00:00Z","updated_at":"2026-11-20T12:30:00Z"}`
	exampleSecret   = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" //nolint:gosec // it opens nothing
	exampleCode     = "287082"
	examplePassword = "UserPass123!"
	exampleToken    = "Zm9yIHRoZSBkb2N1bWVudCBvbmx5LCBub3QgYSB0b2s" //nolint:gosec // it opens nothing
)

func exampleTime(minute int) time.Time {
	return time.Date(2026, time.November, 24, 9, minute, 0, 0, time.UTC)
}

func exampleCodes() []string {
	return []string{
		"0F1E2D3C4B5A6978", "1A2B3C4D5E6F7081", "2B3C4D5E6F708192", "3C4D5E6F708192A3", "4D5E6F708192A3B4",
		"5E6F708192A3B4C5", "6F708192A3B4C5D6", "708192A3B4C5D6E7", "8192A3B4C5D6E7F8", "92A3B4C5D6E7F809",
	}
}

func exampleEnrollment() TOTPEnrollment {
	return TOTPEnrollment{
		Secret: exampleSecret, URI: "otpauth://totp/Authy2:bob@acme-corp.com?algorithm=SHA1&digits=6&issuer=Authy2&period=30&secret=" + exampleSecret,
		QRCode: "data:image/png;base64,iVBORw0KGgo=", Codes: exampleCodes(),
	}
}

func exampleSignedIn() CompletedSignIn {
	return CompletedSignIn{ //nolint:gosec // an example is no credential
		User: []byte(exampleProfile), Token: "kT4vWcYx0qUe2mZr8sBn6dHf1jLpAoGi3yXt5wRuEzQ", ExpiresAt: exampleTime(15),
		Compliance: authn.Compliant(),
	}
}

func exampleStatus() Status {
	at := exampleTime(0)
	return Status{Enabled: true, VerifiedAt: &at, Codes: recoveryCodes}
}

func exampleDevices() DeviceList {
	ip := "203.0.113.7"
	return DeviceList{Count: 1, Devices: []RememberedDevice{{
		ID: "0192f0c1-9a10-7c55-8a02-6f0e3d7b1c44", UserAgent: "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
		IPAddress: &ip, CreatedAt: exampleTime(0), ExpiresAt: exampleTime(0).AddDate(0, 0, 30),
	}}}
}
