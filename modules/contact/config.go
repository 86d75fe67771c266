package contact

import (
	"errors"
	"fmt"

	"github.com/authy2/backend/platform/httpx"
)

// longestRetention bounds how long enquiries can be kept before they are removed: a
// hundred years, so that a day too far is a mistake that is said and not a time that
// overflows.
const longestRetention = 36_500

// Config is the section modules.contact of the configuration.
type Config struct {
	// Recipient is the address that enquiries are mailed to.
	Recipient string `conf:"recipient" env:"CONTACT_RECIPIENT" doc:"Address that enquiries are mailed to."`
	// Acknowledge has senders be told by mail that their enquiry arrived.
	Acknowledge bool `conf:"acknowledge" env:"CONTACT_ACKNOWLEDGE" doc:"Whether senders are told by mail that their enquiry arrived. Anybody can have such a mail sent to any address."`
	// RetentionDays is after how many days enquiries are removed; 0 keeps them for ever.
	RetentionDays int `conf:"retention_days" env:"CONTACT_RETENTION_DAYS" doc:"Days after which enquiries are removed; 0 keeps them for ever."`
}

// DefaultConfig returns the settings of an installation that sets nothing.
func DefaultConfig() Config { return Config{Recipient: "info@secuird.tech", RetentionDays: 365} }

// Validate returns every complaint at once.
func (c Config) Validate() error {
	var errs []error
	if !httpx.ValidEmail(c.Recipient) {
		errs = append(errs, errors.New("recipient: it is not an email address"))
	}
	if c.RetentionDays < 0 || c.RetentionDays > longestRetention {
		errs = append(errs, fmt.Errorf("retention_days: must be 0 to %d", longestRetention))
	}
	return errors.Join(errs...)
}
