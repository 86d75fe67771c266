package identity

import "fmt"

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
}

// DefaultConfig returns the shortest allowed minimum and the embedded list.
func DefaultConfig() Config { return Config{PasswordMinLength: minPassword} }

// Validate returns every complaint at once.
func (c Config) Validate() error {
	if c.PasswordMinLength < minPassword || c.PasswordMinLength > highestMinimum {
		return fmt.Errorf("password_min_length: %d is not between %d and %d", c.PasswordMinLength, minPassword, highestMinimum)
	}
	return nil
}
