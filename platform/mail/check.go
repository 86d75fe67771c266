package mail

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxPurpose = 64
	// maxAddress is the longest path without its brackets, and maxLocal the longest local
	// part (RFC 5321 §4.5.3.1), in bytes.
	maxAddress, maxLocal = 254, 64
	// maxSubject keeps the subject within one unfolded line (RFC 5322 §2.1.1), in bytes.
	maxSubject = 900
	// maxBody is the most of text and HTML each, in bytes.
	maxBody = 512 << 10
)

var purposeForm = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$`)

// Check returns everything that is wrong with the message. It never retells an address or
// a text.
func (m Message) Check() error {
	var errs []error
	if len(m.Purpose) > maxPurpose || !purposeForm.MatchString(m.Purpose) {
		errs = append(errs, errors.New("the purpose is not of the form module.noun"))
	}
	if err := checkAddress(m.To); err != nil {
		errs = append(errs, fmt.Errorf("to: %w", err))
	}
	if m.ReplyTo != "" {
		if err := checkAddress(m.ReplyTo); err != nil {
			errs = append(errs, fmt.Errorf("reply-to: %w", err))
		}
	}
	if err := checkSubject(m.Subject); err != nil {
		errs = append(errs, fmt.Errorf("subject: %w", err))
	}
	if m.Text == "" {
		errs = append(errs, errors.New("text: is empty"))
	}
	if err := checkBody(m.Text); err != nil {
		errs = append(errs, fmt.Errorf("text: %w", err))
	}
	if err := checkBody(m.HTML); err != nil {
		errs = append(errs, fmt.Errorf("html: %w", err))
	}
	if len(errs) > 0 {
		return fmt.Errorf("mail: %w", errors.Join(errs...))
	}
	return nil
}

// checkAddress wants a bare address: no display name, no comment, no quoted local part.
func checkAddress(s string) error {
	if err := checkHeader(s, maxAddress); err != nil {
		return err
	}
	parsed, err := mail.ParseAddress(s)
	switch {
	case err != nil:
		return errors.New("is not an address") // the parser's words hold it
	case parsed.Address != s || parsed.Name != "":
		return errors.New("is not a bare address")
	case strings.LastIndexByte(s, '@') > maxLocal:
		return errors.New("has too long a local part")
	case strings.ContainsFunc(s, unicode.IsSpace):
		return errors.New("holds white space")
	}
	return nil
}

func checkSubject(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("is empty")
	}
	return checkHeader(s, maxSubject)
}

// checkHeader refuses whatever could end a header line or pass for its end, and what a
// terminal would act on.
func checkHeader(s string, longest int) error {
	switch {
	case len(s) > longest:
		return fmt.Errorf("is longer than %d bytes", longest)
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(s, breaksLine):
		return errors.New("holds a line break or a control character")
	}
	return nil
}

func breaksLine(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

func checkBody(s string) error {
	switch {
	case len(s) > maxBody:
		return fmt.Errorf("is longer than %d bytes", maxBody)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return errors.New("is not UTF-8 text")
	}
	return nil
}
