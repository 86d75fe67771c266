package httpx

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/authy2/backend/platform/id"
)

// checkText returns what is wrong with a text, or empty. A text with control characters
// is judged by nothing else.
func (r *rule) checkText(s string) string {
	if hasControl(s, r.format == FormatMultiline) {
		return msgControl
	}
	if r.minLength > 0 || r.maxLength >= 0 {
		counted := s
		if r.format == FormatPassword {
			counted = norm.NFKC.String(s)
		}
		n := utf8.RuneCountInString(counted)
		if n < r.minLength || (r.maxLength >= 0 && n > r.maxLength) {
			return lengthMessage(r.minLength, r.maxLength)
		}
	}
	if len(r.enum) > 0 && !slices.Contains(r.enum, any(s)) {
		return enumMessage(r.enum)
	}
	if r.pattern != nil && !r.pattern.MatchString(s) {
		return msgPattern
	}
	switch r.format {
	case "email", "idn-email":
		if !ValidEmail(s) {
			return msgEmail
		}
	case "uri", "url":
		if !validURL(s) {
			return msgURL
		}
	case "uuid":
		if _, ok := id.Parse(s); !ok {
			return msgUUID
		}
	case "date-time":
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return msgTime
		}
	case "date":
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return msgTime
		}
	}
	return ""
}

// hasControl reports whether s holds a control character (C0, DEL, C1) or one of the
// invisible characters that reorder text on screens; line breaks and tabs are allowed
// in multi-line text.
func hasControl(s string, multiline bool) bool {
	for _, r := range s {
		switch {
		case r >= ' ' && r < 0x7f:
		case multiline && (r == '\n' || r == '\r' || r == '\t'):
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', '\u202a' <= r && r <= '\u202e', '\u2066' <= r && r <= '\u2069':
			return true
		}
	}
	return false
}

// ValidEmail reports whether s is the address of a mailbox as the API takes it: a local
// part (unicode allowed, RFC 6531) and a domain of dot-separated labels with at least
// two labels, or localhost. Display names, comments, quoted local parts and address
// literals are refused: nobody types them, and mail software disagrees about them.
func ValidEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || len(s) > 254 || at > 64 || !utf8.ValidString(s) {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return false
	}
	for _, r := range local {
		if r < 0x80 && !isAtext(byte(r)) && r != '.' {
			return false
		}
		if r >= 0x80 && (!unicode.IsPrint(r) || unicode.IsSpace(r)) {
			return false
		}
	}
	if strings.EqualFold(domain, "localhost") {
		return true
	}
	labels := 0
	for label := range strings.SplitSeq(domain, ".") {
		if !validLabel(label) {
			return false
		}
		labels++
	}
	return labels >= 2
}

// isAtext reports whether c may stand in an unquoted local part (RFC 5322 §3.2.3).
func isAtext(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) >= 0
}

// validLabel reports whether s is a label of a domain; letters of any script are let
// through (RFC 5890).
func validLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for _, r := range s {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-':
		case r >= 0x80 && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)):
		default:
			return false
		}
	}
	return true
}

// validURL reports whether s is an absolute http or https address with a host and
// without credentials.
func validURL(s string) bool {
	if strings.ContainsAny(s, " <>\"\\^`{|}") {
		return false
	}
	u, err := url.Parse(s)
	if err != nil || u.User != nil || u.Hostname() == "" {
		return false
	}
	return strings.EqualFold(u.Scheme, "http") || strings.EqualFold(u.Scheme, "https")
}
