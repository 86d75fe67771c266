package mail

import (
	"errors"
	"net/url"
	"strings"

	"github.com/authy2/backend/platform/secret"
)

// LinkTemplate is the address that a mail sends the bearer of a token to, with {token}
// where the token belongs. It comes from the operator, never from a request.
type LinkTemplate string

const tokenMark = "{token}"

// PageLink returns the template of a page of the installation itself: path with the token
// in its query.
func PageLink(publicURL, path string) LinkTemplate {
	return LinkTemplate(strings.TrimRight(publicURL, "/") + path + "?token=" + tokenMark)
}

// Check returns everything that is wrong with the template.
func (t LinkTemplate) Check() error {
	const sample = "0123456789-ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdef"
	var errs []error
	link := t.with(sample)
	u, err := url.Parse(link)
	if err != nil || checkLink(link) != nil {
		errs = append(errs, errors.New("it is not an absolute http or https address"))
	} else if strings.Contains(strings.ToLower(u.Host), strings.ToLower(sample)) {
		errs = append(errs, errors.New("{token} must not be part of the host"))
	}
	if !strings.Contains(string(t), tokenMark) {
		errs = append(errs, errors.New("{token} is missing"))
	}
	return errors.Join(errs...)
}

// Link returns the address for the bearer of the token, which is base64url (RFC 4648 §5) and
// needs no encoding anywhere in an address.
func (t LinkTemplate) Link(token secret.String) string { return t.with(token.Reveal()) }

func (t LinkTemplate) with(token string) string {
	return strings.ReplaceAll(string(t), tokenMark, token)
}
