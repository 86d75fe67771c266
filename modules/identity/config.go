package identity

import (
	"errors"
	"fmt"
	"strings"

	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/mail"
)

const (
	// minPassword and maxPassword bound passwords, in code points after NFKC.
	minPassword = 8
	maxPassword = 128
	// highestMinimum is the highest PASSWORD_MIN_LENGTH: beyond it people cannot choose.
	highestMinimum = 64
	// mostRemembered is the most days that a browser may be remembered.
	mostRemembered = 365
)

// Config is the section modules.identity of the configuration.
type Config struct {
	// PasswordMinLength is the fewest code points a new password may have.
	PasswordMinLength int `conf:"password_min_length" env:"PASSWORD_MIN_LENGTH" doc:"Fewest characters of a new password, 8 to 64; old passwords are not judged."`
	// BreachedPasswordsFile is a filter that is asked beside the embedded one.
	BreachedPasswordsFile string `conf:"breached_passwords_file" env:"BREACHED_PASSWORDS_FILE" doc:"Filter of refused passwords built with authy2 passwords build-filter; asked beside the embedded list."`
	// RequireVerifiedEmail keeps users from signing in before they have proved their address.
	RequireVerifiedEmail bool `conf:"require_verified_email" env:"IDENTITY_REQUIRE_VERIFIED_EMAIL" doc:"Let nobody sign in whose email address is not verified: 403 EMAIL_NOT_VERIFIED. A registration answers the user alone then."`
	// EmailVerifyURL and PasswordResetURL are where mails lead; empty means the pages of
	// this server.
	EmailVerifyURL   mail.LinkTemplate `conf:"email_verify_url" env:"EMAIL_VERIFY_URL" doc:"Link that mails for verifying an address bring, with {token} where the token belongs. Empty: PUBLIC_URL/verify-email?token={token}."`
	PasswordResetURL mail.LinkTemplate `conf:"password_reset_url" env:"PASSWORD_RESET_URL" doc:"Link that mails for choosing a new password bring, with {token} where the token belongs. Empty: PUBLIC_URL/reset-password?token={token}."`
	// TOTPIssuer is whose codes authenticator apps show; empty means the brand of the mails.
	TOTPIssuer string `conf:"totp_issuer" env:"TOTP_ISSUER" doc:"Whose codes they are, as authenticator apps show it. Empty: BRAND_NAME."`
	// Passkeys says for whom passkeys are made.
	Passkeys factor.PasskeyConfig `conf:"webauthn"`
	// RememberDeviceDays is for how long a browser may be remembered; 0 remembers none.
	RememberDeviceDays int `conf:"remember_device_days" env:"REMEMBER_DEVICE_DAYS" doc:"For how many days a browser is not asked for a second factor again when its user wishes so, at most 365; 0 always asks."`
}

// DefaultConfig returns the shortest allowed minimum and the embedded list.
func DefaultConfig() Config {
	return Config{PasswordMinLength: minPassword, Passkeys: factor.DefaultPasskeyConfig()}
}

// Validate returns every complaint at once.
func (c Config) Validate() error {
	var errs []error
	if c.PasswordMinLength < minPassword || c.PasswordMinLength > highestMinimum {
		errs = append(errs, fmt.Errorf("password_min_length: %d is not between %d and %d", c.PasswordMinLength, minPassword, highestMinimum))
	}
	if c.EmailVerifyURL != "" {
		if err := c.EmailVerifyURL.Check(); err != nil {
			errs = append(errs, fmt.Errorf("email_verify_url: %w", err))
		}
	}
	if c.PasswordResetURL != "" {
		if err := c.PasswordResetURL.Check(); err != nil {
			errs = append(errs, fmt.Errorf("password_reset_url: %w", err))
		}
	}
	if err := c.Passkeys.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("webauthn: %w", err))
	}
	if strings.Contains(c.TOTPIssuer, ":") {
		errs = append(errs, errors.New("totp_issuer: it holds a colon, which ends the issuer in authenticator apps"))
	}
	if c.RememberDeviceDays < 0 || c.RememberDeviceDays > mostRemembered {
		errs = append(errs, fmt.Errorf("remember_device_days: %d is not between 0 and %d", c.RememberDeviceDays, mostRemembered))
	}
	return errors.Join(errs...)
}
