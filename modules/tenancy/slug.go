package tenancy

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	// maxSlug is the longest slug.
	maxSlug = 63
	// suffixLength is how many characters tell apart organizations of one name.
	suffixLength = 6
	// slugAttempts is how many slugs are tried before the name is given up. Six random
	// characters do not collide eight times.
	slugAttempts = 8
	// fallbackSlug is the slug of a name without a letter that could be spelled in ASCII.
	fallbackSlug = "org"
)

// spelled returns how a letter without a decomposition (Unicode NFKD) is spelled in ASCII.
func spelled(r rune) string {
	switch r {
	case 'ß', 'ẞ':
		return "ss"
	case 'æ', 'Æ':
		return "ae"
	case 'œ', 'Œ':
		return "oe"
	case 'ø', 'Ø':
		return "o"
	case 'đ', 'Đ', 'ð', 'Ð':
		return "d"
	case 'ł', 'Ł':
		return "l"
	case 'þ', 'Þ':
		return "th"
	case 'ħ', 'Ħ':
		return "h"
	case 'ı':
		return "i"
	default:
		return ""
	}
}

// slugOf makes a slug of a name: lower-case letters and digits of ASCII, with a dash for
// whatever lies between them.
func slugOf(name string) string {
	var b strings.Builder
	gap := false
	write := func(s string) {
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteString(s)
	}
	for _, r := range norm.NFKD.String(name) {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			write(string(r))
		case 'A' <= r && r <= 'Z':
			write(string(unicode.ToLower(r)))
		case unicode.Is(unicode.Mn, r), r == '\'', r == '’': // an accent, or as in O'Neill
		case spelled(r) != "":
			write(spelled(r))
		default:
			gap = true
		}
		if b.Len() >= maxSlug {
			break
		}
	}
	slug := strings.Trim(b.String()[:min(b.Len(), maxSlug)], "-")
	if slug == "" {
		return fallbackSlug
	}
	return slug
}

// suffixed returns the slug with an end that tells it apart: the last characters of a
// fresh id.
func suffixed(slug, id string) string {
	slug = strings.TrimRight(slug[:min(len(slug), maxSlug-suffixLength-1)], "-")
	return slug + "-" + id[len(id)-suffixLength:]
}
