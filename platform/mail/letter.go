package mail

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Letter is a mail before it is laid out. Everything in it is text, whoever wrote it:
// nothing becomes markup, and no link comes from anywhere but the Action.
type Letter struct {
	// Purpose, To, ReplyTo and Subject are those of the [Message].
	Purpose, To, ReplyTo, Subject string
	// Heading is one line above the text; empty means the subject.
	Heading string
	// Lines are the paragraphs. The first is also what mail programs show beside the
	// subject. Line breaks in one are kept.
	Lines []string
	// Action is what the reader is asked to do; nil for nothing.
	Action *Action
	// Notes are smaller paragraphs at the end, such as what to do when the mail is
	// unexpected.
	Notes []string
}

// Action is a button with its address in full below.
type Action struct {
	// Label is what the button says, in one line.
	Label string
	// URL is an absolute address of http or https, without user and password.
	URL string
}

// check returns everything that is wrong with what a [Message] does not have. It never
// retells a text or an address.
func (l Letter) check() error {
	var errs []error
	if err := checkLine(l.Heading, false); err != nil {
		errs = append(errs, fmt.Errorf("heading: %w", err))
	}
	for _, s := range append(l.Lines[:len(l.Lines):len(l.Lines)], l.Notes...) {
		if !utf8.ValidString(s) {
			errs = append(errs, errors.New("text: is not UTF-8"))
		}
	}
	if l.Action != nil {
		if err := checkLine(l.Action.Label, true); err != nil {
			errs = append(errs, fmt.Errorf("label: %w", err))
		}
		if err := checkLink(l.Action.URL); err != nil {
			errs = append(errs, fmt.Errorf("link: %w", err))
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("mail: %w", errors.Join(errs...))
	}
	return nil
}

func checkLine(s string, required bool) error {
	if required && strings.TrimSpace(s) == "" {
		return errors.New("is empty")
	}
	return checkHeader(s, maxSubject)
}

// checkLink wants an address that a browser opens and that reads as what it is.
func checkLink(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return errors.New("is not an absolute address of http or https") // the parser's words hold it
	case u.User != nil:
		return errors.New("holds a user")
	case strings.ContainsFunc(s, notInLinks):
		return errors.New("holds a character that must be percent-encoded")
	}
	return nil
}

// notInLinks reports what RFC 3986 §2 has no place for, so that the link in the HTML, the
// one in the text and the one that is shown are the same.
func notInLinks(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r)
}

// plain returns s with line feeds as its only control characters, and without the
// characters that make text read in another order than it is written.
func plain(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n", "\t", " ").Replace(s)
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if (unicode.IsControl(r) && r != '\n') || reorders(r) {
			return -1
		}
		return r
	}, s))
}

// reorders reports the embeddings, overrides and isolates of Unicode's bidirectional
// algorithm (UAX #9 §2). Scripts that run from right to left need none of them here.
func reorders(r rune) bool { return (r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069) }

// plains returns the paragraphs that say something.
func plains(paragraphs []string) []string {
	var out []string
	for _, p := range paragraphs {
		if p = plain(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}
