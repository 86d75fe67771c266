package tenancy

import (
	"errors"
	"net/url"
	"strings"
)

// tokenMark stands in the template of links for the token of an invitation.
const tokenMark = "{token}"

// Config is the section modules.tenancy of the configuration.
type Config struct {
	// InviteURL is the link that invitations bring, with {token} in it; empty is what the API
	// of this server tells of an invitation.
	InviteURL string `conf:"invite_url" env:"INVITE_URL" doc:"Link that invitations bring, with {token} where the token belongs. Empty: PUBLIC_URL/api/v1/invites/{token}."`
}

// DefaultConfig returns the settings of an installation that sets nothing.
func DefaultConfig() Config { return Config{} }

// Validate returns every complaint at once.
func (c Config) Validate() error {
	if c.InviteURL == "" {
		return nil
	}
	var errs []error
	u, err := url.Parse(c.InviteURL)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		errs = append(errs, errors.New("invite_url: it is not an absolute http or https address"))
	}
	if !strings.Contains(c.InviteURL, tokenMark) {
		errs = append(errs, errors.New("invite_url: {token} is missing"))
	}
	return errors.Join(errs...)
}
