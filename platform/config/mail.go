package config

import (
	"errors"
	"net"
	"net/mail"
	"net/netip"
	"regexp"
	"strings"
	"unicode"

	"github.com/authy2/backend/platform/secret"
)

// Mail is how mails leave.
type Mail struct {
	Dir      string `conf:"dir" env:"MAIL_DIR" doc:"Folder into which mails are delivered without SMTP_HOST, each as an .eml file that only its owner may read."`
	From     string `conf:"from" env:"MAIL_FROM" doc:"Sender of every mail: an address, with or without a name before it in the form Name <address>."`
	Disabled bool   `conf:"disabled" env:"MAIL_DISABLED" doc:"Send no mails and keep none. Production needs it where SMTP_HOST is not set."`
	SMTP     SMTP   `conf:"smtp"`
}

// SMTP is the mail server that takes the installation's mails.
type SMTP struct {
	Host     string        `conf:"host" env:"SMTP_HOST" doc:"Mail server that takes the mails (a submission server or relay). Production needs it, or MAIL_DISABLED."`
	Port     int           `conf:"port" env:"SMTP_PORT" doc:"Port of the mail server; 0 means 587, and 465 with SMTP_TLS=tls."`
	Username string        `conf:"username" env:"SMTP_USERNAME" doc:"Name to sign in to the mail server with; empty signs in nowhere."`
	Password secret.String `conf:"password" env:"SMTP_PASSWORD" doc:"Password of SMTP_USERNAME. It travels under TLS only."`
	TLS      string        `conf:"tls" env:"SMTP_TLS" doc:"starttls (required of the server, certificate verified), tls (from the first byte), or none (for a server on this machine only)."`
}

// The values of SMTP_TLS.
const (
	StartTLS    = "starttls"
	ImplicitTLS = "tls"
	NoTLS       = "none"
)

const submission, submissions = 587, 465 // RFC 6409 §3.1, RFC 8314 §3.3

// fill chooses the port.
func (s *SMTP) fill() {
	switch {
	case s.Port != 0:
	case s.TLS == ImplicitTLS:
		s.Port = submissions
	default:
		s.Port = submission
	}
}

// check wants a sender that can stand in a header, and a way for mails in production.
func (m Mail) check(production bool) error {
	var problems []error
	if m.Dir == "" {
		problems = append(problems, complaint("mail.dir", "must not be empty"))
	}
	if _, err := mail.ParseAddress(m.From); err != nil || strings.ContainsFunc(m.From, unicode.IsControl) {
		problems = append(problems, complaint("mail.from", "%q is not a sender such as Authy2 <no-reply@example.com>", short(m.From)))
	}
	if production && m.SMTP.Host == "" && !m.Disabled {
		problems = append(problems, complaint("mail.smtp.host", "is required in production; set MAIL_DISABLED=true if no mails are to be sent"))
	}
	return errors.Join(append(problems, m.SMTP.check())...)
}

var hostForm = regexp.MustCompile(`^[\pL\pN]([\pL\pN._-]*[\pL\pN])?$`)

// check wants a server that can be reached, and no secret in clear text.
func (s SMTP) check() error {
	var problems []error
	if _, err := netip.ParseAddr(s.Host); s.Host != "" && err != nil && !hostForm.MatchString(s.Host) {
		problems = append(problems, complaint("mail.smtp.host", "%q is not a host such as smtp.example.com (the port is SMTP_PORT)", short(s.Host)))
	}
	if s.Port < 1 || s.Port > 65535 {
		problems = append(problems, complaint("mail.smtp.port", "%d is not a port", s.Port))
	}
	switch s.TLS {
	case StartTLS, ImplicitTLS:
	case NoTLS:
		if s.Host != "" && !loopback(s.Host) {
			problems = append(problems, complaint("mail.smtp.tls", "none is for a mail server on this machine (localhost); use starttls or tls"))
		}
		if s.Username != "" {
			problems = append(problems, complaint("mail.smtp.username", "would travel in clear text: use SMTP_TLS=starttls or tls"))
		}
	default:
		problems = append(problems, complaint("mail.smtp.tls", "%q is not one of starttls, tls, none", short(s.TLS)))
	}
	if (s.Username == "") != s.Password.Empty() {
		problems = append(problems, complaint("mail.smtp.username", "and SMTP_PASSWORD belong together; set both or neither"))
	}
	return errors.Join(problems...)
}

// loopback reports whether the host is this machine, whatever a resolver says.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback())
}
