package factor

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// PasskeyConfig says for whom passkeys are made: the relying party of WebAuthn. The zero
// value derives it from the server's public address.
type PasskeyConfig struct {
	// ID is the domain that passkeys are bound to. Another one makes every passkey worthless.
	ID string `conf:"rp_id" env:"WEBAUTHN_RP_ID" doc:"Domain that passkeys are bound to: the host of the pages that use them, or a parent domain. Passkeys of another one stop working. Empty: the host of PUBLIC_URL."`
	// Origins are the pages that may use them.
	Origins []string `conf:"origins" env:"WEBAUTHN_ORIGINS" doc:"Exact origins (comma separated) of the pages that may ask for passkeys. Empty: the origin of PUBLIC_URL."`
	// Name is what authenticators show.
	Name string `conf:"rp_name" env:"WEBAUTHN_RP_NAME" doc:"What authenticators call this service."`
}

// DefaultPasskeyConfig returns the configuration that derives all but the name.
func DefaultPasskeyConfig() PasskeyConfig { return PasskeyConfig{Name: "Authy2"} }

// Validate returns every complaint at once.
func (c PasskeyConfig) Validate() error {
	var errs []error
	if strings.ContainsAny(c.ID, ":/ ") || c.ID != strings.ToLower(c.ID) {
		errs = append(errs, fmt.Errorf("rp_id: %q is not a domain in lower case", c.ID))
	}
	if strings.TrimSpace(c.Name) == "" || len(c.Name) > 64 { // authenticators may cut at 64 bytes (WebAuthn §5.4.1)
		errs = append(errs, errors.New("rp_name: must have 1 to 64 bytes"))
	}
	for _, origin := range c.Origins {
		host, err := originHost(origin)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("origins: %w", err))
		case c.ID != "" && host != c.ID && !strings.HasSuffix(host, "."+c.ID):
			errs = append(errs, fmt.Errorf("origins: %q is not on rp_id %q", origin, c.ID))
		}
	}
	return errors.Join(errs...)
}

// originHost returns the host of an origin: scheme, host and perhaps a port, nothing else.
func originHost(origin string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Scheme+"://"+u.Host != origin {
		return "", fmt.Errorf("%q is not an origin such as https://id.example.com", origin)
	}
	return u.Hostname(), nil
}

// derived fills what is empty from the public address of the server.
func (c PasskeyConfig) derived(publicURL string) (PasskeyConfig, error) {
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return c, fmt.Errorf("factor: %q is no address that passkeys could be bound to", publicURL)
	}
	if c.ID == "" {
		c.ID = strings.ToLower(u.Hostname())
	}
	if len(c.Origins) == 0 {
		c.Origins = []string{u.Scheme + "://" + strings.ToLower(u.Host)}
	}
	return c, c.Validate()
}
