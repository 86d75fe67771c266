package identity

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/authy2/backend/modules/identity/breached"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/secret"
)

// Rules judge new passwords, the same wherever one is chosen. There are no rules of
// composition (NIST SP 800-63B §3.1.1.2). Old passwords are not judged.
type Rules struct {
	min    int
	path   string
	common *breached.Filter
	more   *breached.Filter
	file   io.Closer
}

// NewRules returns the rules of the configuration. It does no I/O: the file of breached
// passwords is opened by Start.
func NewRules(c Config) (*Rules, error) {
	common, err := breached.Common()
	if err != nil {
		return nil, fmt.Errorf("identity: embedded list: %w", err)
	}
	return &Rules{min: c.PasswordMinLength, path: c.BreachedPasswordsFile, common: common}, nil
}

// Start opens the file of breached passwords, if there is one.
func (r *Rules) Start(context.Context) error {
	if r.path == "" {
		return nil
	}
	var err error
	if r.more, r.file, err = breached.Open(r.path); err != nil {
		return fmt.Errorf("BREACHED_PASSWORDS_FILE: %w", err)
	}
	return nil
}

// Stop closes the file. Stopping twice, or without a start, is legal.
func (r *Rules) Stop(context.Context) error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.more, r.file = nil, nil
	return err
}

// Check returns what is wrong with a new password of the account with the normalized
// email, in sentences for its owner. Nothing wrong is nil.
func (r *Rules) Check(password secret.String, email string) ([]string, error) {
	text := crypto.Normalize(password.Reveal())
	if n := utf8.RuneCountInString(text); n < r.min || n > maxPassword {
		return []string{fmt.Sprintf("Length must be between %d and %d.", r.min, maxPassword)}, nil
	}
	if local, _, _ := strings.Cut(email, "@"); strings.EqualFold(text, email) || strings.EqualFold(text, local) {
		return []string{"The password must not be the email address."}, nil
	}
	for _, filter := range []*breached.Filter{r.common, r.more} {
		if filter == nil {
			continue
		}
		known, err := filter.Contains(text)
		if err != nil {
			return nil, fmt.Errorf("identity: judge a password: %w", err)
		}
		if known {
			return []string{"This password is known from breaches of other sites. Choose another one."}, nil
		}
	}
	return nil, nil
}
