package identity

import (
	"errors"
	"fmt"

	"github.com/authy2/backend/platform/mail"
)

const (
	// minPassword and maxPassword bound passwords, in code points after NFKC.
	minPassword = 8
	maxPassword = 128
	// highestMinimum is the highest PASSWORD_MIN_LENGTH: beyond it people cannot choose.
	highestMinimum = 64
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
}

// DefaultConfig returns the shortest allowed minimum and the embedded list.
func DefaultConfig() Config { return Config{PasswordMinLength: minPassword} }

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
	return errors.Join(errs...)
}
