package config

import (
	"encoding/hex"
	"errors"
	"math"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Brand is how the installation looks to people, in mails and on pages.
type Brand struct {
	Name    string `conf:"name" env:"BRAND_NAME" doc:"Name of the installation, as people read it in mails and on pages."`
	LogoURL string `conf:"logo_url" env:"BRAND_LOGO_URL" doc:"https address of an image that is shown instead of the name, 32 px high. Mails are readable without it."`
	Accent  string `conf:"accent" env:"BRAND_ACCENT" doc:"Colour of buttons, #rrggbb, dark enough for white text (contrast of 4.5 to 1)."`
}

const (
	longestBrand = 64 // characters
	// leastContrast is that of text of ordinary size (WCAG 2.2 §1.4.3, level AA).
	leastContrast = 4.5
)

// check wants a brand that can be shown everywhere.
func (b Brand) check() error {
	var problems []error
	if strings.TrimSpace(b.Name) == "" || utf8.RuneCountInString(b.Name) > longestBrand || !utf8.ValidString(b.Name) || strings.ContainsFunc(b.Name, unicode.IsControl) {
		problems = append(problems, complaint("brand.name", "must be one line of 1 to %d characters", longestBrand))
	}
	if b.LogoURL != "" {
		u, err := url.Parse(b.LogoURL)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsFunc(b.LogoURL, unicode.IsSpace) {
			problems = append(problems, complaint("brand.logo_url", "must be an https address such as https://cdn.example.com/logo.png"))
		}
	}
	switch contrast, ok := withWhite(b.Accent); {
	case !ok:
		problems = append(problems, complaint("brand.accent", "%q is not a colour such as #2456c8", short(b.Accent)))
	case contrast < leastContrast:
		problems = append(problems, complaint("brand.accent", "%s is too light for white text: its contrast is %.2f, and must be at least %.1f",
			b.Accent, math.Floor(contrast*100)/100, leastContrast))
	}
	return errors.Join(problems...)
}

// withWhite returns the contrast of a colour with white, from 1 to 21, by the formula of
// WCAG 2.2 (contrast ratio, relative luminance).
func withWhite(colour string) (contrast float64, ok bool) {
	digits, found := strings.CutPrefix(colour, "#")
	rgb, err := hex.DecodeString(digits)
	if !found || err != nil || len(rgb) != 3 {
		return 0, false
	}
	luminance := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(rgb[i]) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		luminance += weight * c
	}
	return (1 + 0.05) / (luminance + 0.05), true
}
