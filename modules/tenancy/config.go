package tenancy

import (
	"fmt"

	"github.com/authy2/backend/platform/mail"
)

// Config is the section modules.tenancy of the configuration.
type Config struct {
	// InviteURL is the link that invitations bring, with {token} in it; empty is the page of
	// this server.
	InviteURL mail.LinkTemplate `conf:"invite_url" env:"INVITE_URL" doc:"Link that invitations bring, with {token} where the token belongs. Empty: PUBLIC_URL/invite?token={token}."`
}

// DefaultConfig returns the settings of an installation that sets nothing.
func DefaultConfig() Config { return Config{} }

// Validate returns every complaint at once.
func (c Config) Validate() error {
	if c.InviteURL == "" {
		return nil
	}
	if err := c.InviteURL.Check(); err != nil {
		return fmt.Errorf("invite_url: %w", err)
	}
	return nil
}
