package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/wneessen/go-mail/smtp"
	"golang.org/x/net/idna"

	"github.com/authy2/backend/platform/secret"
)

// Security is how a connection to a mail server is kept private.
type Security int

const (
	// StartTLS asks the server for TLS before anything else, and does without the server
	// when it has none (RFC 3207).
	StartTLS Security = iota
	// ImplicitTLS speaks TLS from the first byte (RFC 8314).
	ImplicitTLS
	// ClearText speaks no TLS. It signs in nowhere, and is for servers on this machine.
	ClearText
)

// SMTPSettings say which mail server takes the mails. Zero durations mean the defaults.
type SMTPSettings struct {
	// Host and Port are the server's. The certificate must be for Host.
	Host string
	Port int
	// Username and Password sign in; an empty name signs in nowhere.
	Username string
	Password secret.String
	Security Security
	// PublicURL is the address of the installation, whose host the server is greeted with.
	PublicURL string
	// Roots are the authorities that certificates are checked against; nil means those of
	// the machine.
	Roots *x509.CertPool
	// Connect bounds reaching the server, 10 s; Command each answer, 10 s; Total all of a
	// delivery, 30 s. The answer to the message itself may take what is left of Total,
	// since who gives up there delivers twice (RFC 5321 §4.5.3.2.6).
	Connect, Command, Total time.Duration
}

// SMTP is the [Transport] that hands each mail to a mail server, over a connection of its
// own (RFC 5321, RFC 6409).
type SMTP struct {
	settings SMTPSettings
	hello    string
	tls      *tls.Config
}

var _ Transport = (*SMTP)(nil)

// NewSMTP returns a transport to the server. It does no I/O.
func NewSMTP(s SMTPSettings) *SMTP {
	for value, usual := range map[*time.Duration]time.Duration{&s.Connect: 10 * time.Second, &s.Command: 10 * time.Second, &s.Total: 30 * time.Second} {
		if *value <= 0 {
			*value = usual
		}
	}
	if host, err := idna.Lookup.ToASCII(s.Host); err == nil {
		s.Host = host
	}
	return &SMTP{
		settings: s, hello: greeting(hostOf(s.PublicURL)),
		tls: &tls.Config{ServerName: s.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12},
	}
}

// greeting returns the host as EHLO names it, where an address is a literal (RFC 5321
// §4.1.3).
func greeting(host string) string {
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "":
		return "localhost"
	case err != nil:
		return host
	case ip.Is6():
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}

// Deliver hands the mail over. What the server refuses with 5yz once it knows the sender
// is permanent; everything else is tried again, since it is the server's state, the way
// to it, or how this installation is set up.
func (t *SMTP) Deliver(ctx context.Context, e Envelope) error {
	ctx, cancel := context.WithTimeout(ctx, t.settings.Total)
	defer cancel()
	from, errFrom := pathOf(e.From)
	to, errTo := pathOf(e.To)
	if err := errors.Join(errFrom, errTo); err != nil {
		return &Failure{Permanent: true, Reason: "an address has a domain that cannot be", Err: err}
	}
	talk, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer talk.close()
	if err := talk.send(from, to, e.Content); err != nil {
		return err
	}
	talk.quit()
	return nil
}

// Check reaches for the server, as far as a delivery goes before its first mail.
func (t *SMTP) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.settings.Total)
	defer cancel()
	talk, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer talk.close()
	talk.quit()
	return nil
}

// open connects, greets, makes the connection private and signs in.
func (t *SMTP) open(ctx context.Context) (*dialogue, error) {
	conn, err := t.dial(ctx)
	if err != nil {
		return nil, failed(ctx, "connect", err)
	}
	talk := newDialogue(ctx, conn, t.settings.Command)
	if err := t.begin(talk); err != nil {
		talk.close()
		return nil, err
	}
	return talk, nil
}

func (t *SMTP) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, t.settings.Connect)
	defer cancel()
	address := net.JoinHostPort(t.settings.Host, strconv.Itoa(t.settings.Port))
	if t.settings.Security == ImplicitTLS {
		return (&tls.Dialer{Config: t.tls}).DialContext(ctx, "tcp", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

func (t *SMTP) begin(talk *dialogue) error {
	if err := talk.step("greeting", func() (err error) {
		talk.client, err = smtp.NewClient(talk.conn, t.settings.Host)
		return err
	}); err != nil {
		return err
	}
	if err := talk.step("EHLO", func() error { return talk.client.Hello(t.hello) }); err != nil {
		return err
	}
	if t.settings.Security == StartTLS {
		if ok, _ := talk.client.Extension("STARTTLS"); !ok {
			return &Failure{Reason: "the mail server offers no STARTTLS"}
		}
		if err := talk.step("STARTTLS", func() error { return talk.client.StartTLS(t.tls) }); err != nil {
			return err
		}
	}
	if t.settings.Username == "" {
		return nil
	}
	if t.settings.Security == ClearText {
		return &Failure{Reason: "signing in without TLS would tell everybody the password"}
	}
	auth, err := t.auth(talk.client)
	if err != nil {
		return err
	}
	return talk.step("AUTH", func() error { return talk.client.Auth(auth) })
}

// auth chooses the first way of signing in that both sides know. What travels is under
// TLS, so that plainer ways are as good as those that hide the password.
func (t *SMTP) auth(client *smtp.Client) (smtp.Auth, error) {
	_, offered := client.Extension("AUTH")
	name, password := t.settings.Username, t.settings.Password.Reveal()
	for _, way := range []struct {
		name string
		auth func() smtp.Auth
	}{
		{"SCRAM-SHA-256", func() smtp.Auth { return smtp.ScramSHA256Auth(name, password) }},
		{"SCRAM-SHA-1", func() smtp.Auth { return smtp.ScramSHA1Auth(name, password) }},
		{"PLAIN", func() smtp.Auth { return smtp.PlainAuth("", name, password, t.settings.Host, false) }},
		{"LOGIN", func() smtp.Auth { return smtp.LoginAuth(name, password, t.settings.Host, false) }},
		{"CRAM-MD5", func() smtp.Auth { return smtp.CRAMMD5Auth(name, password) }},
	} {
		if offers(offered, way.name) {
			return way.auth(), nil
		}
	}
	return nil, &Failure{Reason: "the mail server offers no way to sign in that is known here"}
}
