package web

import (
	"cmp"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Brand is how the installation looks. Zero values mean the defaults.
type Brand struct {
	// Name is whose pages they are; empty means Authy2.
	Name string
	// LogoURL is an https address of an image that is shown instead of the name at a height
	// of 32 px; empty for none.
	LogoURL string
	// Accent is the colour of buttons, #rrggbb, on which white text can be read; empty means
	// a blue.
	Accent string
}

// The brand of an installation that sets none.
const (
	defaultBrand  = "Authy2"
	defaultAccent = "#2456c8"
)

var (
	colour = regexp.MustCompile(`^#[0-9A-Fa-f]{6}$`)
	// plainHost is what a host may hold to stand in a header without changing its meaning.
	plainHost = regexp.MustCompile(`^[0-9A-Za-z.:\[\]-]+$`)
)

// complete fills the defaults in and refuses what would change the meaning of the stylesheet
// or of the content policy. imageOrigin is where the logo comes from; empty without one.
func (b Brand) complete() (complete Brand, imageOrigin string, err error) {
	b = Brand{Name: cmp.Or(clean(b.Name), defaultBrand), LogoURL: b.LogoURL, Accent: cmp.Or(b.Accent, defaultAccent)}
	if !colour.MatchString(b.Accent) {
		return b, "", errors.New("web: the accent is not a colour such as " + defaultAccent)
	}
	if b.LogoURL == "" {
		return b, "", nil
	}
	u, err := url.Parse(b.LogoURL)
	if err != nil || u.Scheme != "https" || !plainHost.MatchString(u.Host) {
		return b, "", errors.New("web: the logo is not at an https address")
	}
	return b, "https://" + u.Host, nil
}

// initial is the first letter or digit of the name, for the icon.
func (b Brand) initial() string {
	if i := strings.IndexFunc(b.Name, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }); i >= 0 {
		r, _ := utf8.DecodeRuneInString(b.Name[i:])
		return string(unicode.ToUpper(r))
	}
	return defaultBrand[:1]
}

// clean returns s without control characters, and without those that make text read in
// another order than it is written (UAX #9 §2): scripts that run from right to left need
// none of them here.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd")))
}
