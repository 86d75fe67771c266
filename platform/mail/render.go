package mail

import (
	"bytes"
	"encoding/base64"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// render returns the message of RFC 5322. The same mail is rendered to the same bytes at
// every attempt.
func (q *Queue) render(e Envelope, m Message) ([]byte, error) {
	msg := gomail.NewMsg(
		gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP),
		gomail.WithNoDefaultUserAgent(), gomail.WithBoundary("mail-"+e.ID),
	)
	msg.FromMailAddress(&mail.Address{Name: q.from.Name, Address: written(q.from.Address)})
	if err := msg.To(written(m.To)); err != nil {
		return nil, err
	}
	if m.ReplyTo != "" {
		if err := msg.ReplyTo(written(m.ReplyTo)); err != nil {
			return nil, err
		}
	}
	msg.SetDateWithValue(e.Date)
	msg.SetMessageIDWithValue(strings.Trim(e.MessageID, "<>"))
	// RFC 3834 §5: programs that answer mail leave this one alone.
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.Subject(subject(m.Subject))
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	var out bytes.Buffer
	if _, err := msg.WriteTo(&out); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// subject returns s as it may be folded: with single spaces, and encoded when it looks like
// something that a reader would decode (RFC 2047 §2). Letters outside of ASCII are encoded
// by the library.
func subject(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
	if !strings.Contains(s, "=?") || strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 }) {
		return s
	}
	const longest = 45 // bytes: 60 in base64, 72 with what is around them
	var words []string
	for len(s) > 0 {
		n := min(len(s), longest)
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
		s = s[n:]
	}
	return strings.Join(words, " ")
}
