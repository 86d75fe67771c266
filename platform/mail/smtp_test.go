package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// to returns settings for the server, in clear text unless a test says otherwise.
func to(s *platformtest.MailServer) mail.SMTPSettings {
	return mail.SMTPSettings{Host: s.Host, Port: s.Port, Security: mail.ClearText, PublicURL: "https://auth.example.com:8443"}
}

// envelope is a mail that is ready to go.
func envelope() mail.Envelope {
	return mail.Envelope{
		ID: "0199", Purpose: "test.invite", MessageID: "<0199@auth.example.com>", From: "no-reply@auth.example.com", To: reader,
		Content: []byte("Message-ID: <0199@auth.example.com>\r\nSubject: Hello\r\n\r\n.one\r\n..\r\n.\r\nlast\r\n"),
	}
}

// failure returns the error of a delivery as a failure, or fails the test.
func failure(t *testing.T, err error) *mail.Failure {
	t.Helper()
	var f *mail.Failure
	if !errors.As(err, &f) {
		t.Fatalf("no failure: %v", err)
	}
	return f
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	authority, stranger := platformtest.NewAuthority(t), platformtest.NewAuthority(t)
	right, expired := authority.Certificate(false, "127.0.0.1"), authority.Certificate(true, "127.0.0.1")
	foreign, unknown := authority.Certificate(false, "mail.example.com"), stranger.Certificate(false, "127.0.0.1")
	users := map[string]string{"relay": "pässword 1"}
	for name, tc := range map[string]struct {
		server   platformtest.Behaviour
		security mail.Security
		user     string
		password string
		reason   string // empty: it arrives
	}{
		"clear text on this machine":  {platformtest.Behaviour{}, mail.ClearText, "", "", ""},
		"STARTTLS":                    {platformtest.Behaviour{Certificate: &right}, mail.StartTLS, "", "", ""},
		"implicit TLS":                {platformtest.Behaviour{Certificate: &right, Implicit: true}, mail.ImplicitTLS, "", "", ""},
		"PLAIN and LOGIN":             {platformtest.Behaviour{Certificate: &right, Users: users}, mail.StartTLS, "relay", "pässword 1", ""},
		"LOGIN":                       {platformtest.Behaviour{Certificate: &right, Users: users, Mechanisms: []string{"LOGIN"}}, mail.StartTLS, "relay", "pässword 1", ""},
		"PLAIN over implicit TLS":     {platformtest.Behaviour{Certificate: &right, Implicit: true, Users: users, Mechanisms: []string{"PLAIN"}}, mail.ImplicitTLS, "relay", "pässword 1", ""},
		"wrong password":              {platformtest.Behaviour{Certificate: &right, Users: users}, mail.StartTLS, "relay", "wrong", "AUTH: the mail server answered 535 5.7.8"},
		"wrong password at LOGIN":     {platformtest.Behaviour{Certificate: &right, Users: users, Mechanisms: []string{"LOGIN"}}, mail.StartTLS, "relay", "wrong", "AUTH: the mail server answered 535 5.7.8"},
		"nobody signed in":            {platformtest.Behaviour{Certificate: &right, Users: users}, mail.StartTLS, "", "", "MAIL: the mail server answered 530 5.7.0"},
		"no way to sign in":           {platformtest.Behaviour{Certificate: &right}, mail.StartTLS, "relay", "x", "the mail server offers no way to sign in that is known here"},
		"an unknown way to sign in":   {platformtest.Behaviour{Certificate: &right, Users: users, Mechanisms: []string{"XPLAIN"}}, mail.StartTLS, "relay", "x", "the mail server offers no way to sign in that is known here"},
		"a password in clear text":    {platformtest.Behaviour{Users: users}, mail.ClearText, "relay", "pässword 1", "signing in without TLS would tell everybody the password"},
		"no STARTTLS":                 {platformtest.Behaviour{}, mail.StartTLS, "", "", "the mail server offers no STARTTLS"},
		"no STARTTLS and a password":  {platformtest.Behaviour{Users: users}, mail.StartTLS, "relay", "pässword 1", "the mail server offers no STARTTLS"},
		"nobody's certificate":        {platformtest.Behaviour{Certificate: &unknown}, mail.StartTLS, "", "", "STARTTLS: the certificate is of an authority that is not trusted"},
		"somebody else's certificate": {platformtest.Behaviour{Certificate: &foreign}, mail.StartTLS, "", "", "STARTTLS: the certificate is for another host"},
		"an expired certificate":      {platformtest.Behaviour{Certificate: &expired}, mail.StartTLS, "", "", "STARTTLS: the certificate has expired, or is not valid yet"},
		"nobody's implicit":           {platformtest.Behaviour{Certificate: &unknown, Implicit: true}, mail.ImplicitTLS, "", "", "connect: the certificate is of an authority that is not trusted"},
		"TLS where there is none":     {platformtest.Behaviour{}, mail.ImplicitTLS, "", "", "connect: the mail server does not speak TLS from the first byte"},
		"none where there is TLS":     {platformtest.Behaviour{Certificate: &right, Implicit: true}, mail.StartTLS, "", "", "greeting: timed out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := platformtest.SMTPServer(t, tc.server)
			s := to(server)
			s.Security, s.Username, s.Password, s.Roots = tc.security, tc.user, secret.New(tc.password), authority.Roots()
			if strings.HasSuffix(tc.reason, "timed out") {
				s.Command = 200 * time.Millisecond
			}
			transport, e := mail.NewSMTP(s), envelope()
			err := transport.Deliver(t.Context(), e)
			got := server.Mails()
			if tc.reason != "" {
				if f := failure(t, err); f.Permanent || f.Reason != tc.reason || len(got) != 0 {
					t.Errorf("permanent %v, reason %q, %d mails", f.Permanent, f.Reason, len(got))
				}
				for _, step := range server.Steps() {
					if step.Command == "RCPT" {
						t.Errorf("it got as far as %v", step)
					}
				}
				return
			}
			if err != nil || len(got) != 1 {
				t.Fatalf("%d mails, %v", len(got), err)
			}
			m := got[0]
			if m.From != e.From || m.To != e.To || m.User != tc.user || m.Hello != "auth.example.com" || m.TLS != (tc.security != mail.ClearText) || m.Unicode {
				t.Errorf("%+v", m)
			}
			if string(m.Raw) != string(e.Content) {
				t.Errorf("content %q", m.Raw)
			}
			if err := transport.Check(t.Context()); err != nil {
				t.Errorf("a server that takes mails is found wanting: %v", err)
			}
		})
	}
}

// A server that goes silent, at whatever point, costs no more than its time, and an end
// that comes from outside is heeded at once.
func TestSMTPSilence(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"EHLO", "MAIL", "RCPT", "DATA", "END"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			server := platformtest.SMTPServer(t, platformtest.Behaviour{Script: func(s platformtest.Step) error {
				if s.Command == command {
					return platformtest.ErrTarpit
				}
				return nil
			}})
			s := to(server)
			s.Command, s.Total = 200*time.Millisecond, time.Second
			began := time.Now()
			f := failure(t, mail.NewSMTP(s).Deliver(t.Context(), envelope()))
			want := command
			if command == "END" || command == "DATA" { // the server reads on before it answers
				want = "message"
			}
			if f.Permanent || f.Reason != want+": timed out" {
				t.Errorf("permanent %v, reason %q", f.Permanent, f.Reason)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			s.Command, s.Total = time.Hour, time.Hour
			ctx, cancel := context.WithCancel(t.Context())
			before := len(server.Steps())
			done := make(chan error, 1)
			go func() { done <- mail.NewSMTP(s).Deliver(ctx, envelope()) }()
			platformtest.Eventually(t, 10*time.Second, "the silence", func() bool {
				steps := server.Steps()
				return len(steps) > before && steps[len(steps)-1].Command == command
			})
			cancel()
			if f := failure(t, <-done); f.Permanent || !errors.Is(f, context.Canceled) {
				t.Errorf("permanent %v, %v", f.Permanent, f)
			}
		})
	}
}

// Nobody answers: not at all, with no word, and with a flood of them.
func TestSMTPNoServer(t *testing.T) {
	t.Parallel()
	down := platformtest.SMTPServer(t, platformtest.Behaviour{})
	down.Down()
	if f := failure(t, mail.NewSMTP(to(down)).Deliver(t.Context(), envelope())); f.Permanent || f.Reason != "connect: connection refused" {
		t.Errorf("%v %q", f.Permanent, f.Reason)
	}
	for name, tc := range map[string]struct {
		serve  func(ctx context.Context, c net.Conn)
		reason string
	}{
		"mute":     {func(ctx context.Context, c net.Conn) { <-ctx.Done(); _ = c.Close() }, "greeting: timed out"},
		"hangs up": {func(_ context.Context, c net.Conn) { _ = c.Close() }, "greeting: the mail server closed the connection"},
		"turns away": {func(_ context.Context, c net.Conn) {
			_, _ = c.Write([]byte("554 5.3.2 no service for " + reader + "\r\n"))
		}, "greeting: the mail server answered 554 5.3.2"},
		"busy": {func(_ context.Context, c net.Conn) { _, _ = c.Write([]byte("421 try later\r\n")) }, "greeting: the mail server answered 421"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = listener.Close() })
			go func() {
				for {
					c, err := listener.Accept()
					if err != nil {
						return
					}
					tc.serve(t.Context(), c)
				}
			}()
			s := mail.SMTPSettings{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Security: mail.ClearText, Command: 200 * time.Millisecond}
			if f := failure(t, mail.NewSMTP(s).Deliver(t.Context(), envelope())); f.Permanent || f.Reason != tc.reason {
				t.Errorf("%v %q", f.Permanent, f.Reason)
			}
		})
	}
}

func TestSMTPAddresses(t *testing.T) {
	t.Parallel()
	full, narrow := platformtest.SMTPServer(t, platformtest.Behaviour{}), platformtest.SMTPServer(t, platformtest.Behaviour{ASCII: true})
	for name, tc := range map[string]struct {
		from, to, header   string
		wantFrom, wantTo   string
		unicode, permanent bool // permanent on the server without SMTPUTF8
	}{
		"ASCII":                  {"no-reply@a.example", "zoe@b.example", "Hello", "no-reply@a.example", "zoe@b.example", false, false},
		"a domain of any script": {"no-reply@bücher.example", "zoe@例え.example", "Hello", "no-reply@xn--bcher-kva.example", "zoe@xn--r8jz45g.example", false, false},
		"a name of any script":   {"no-reply@a.example", "zoë@bücher.example", "Hello", "no-reply@a.example", "zoë@xn--bcher-kva.example", true, true},
		"a sender of any script": {"süd@a.example", "zoe@b.example", "Hello", "süd@a.example", "zoe@b.example", true, true},
		"a header of any script": {"no-reply@a.example", "zoe@b.example", "Zoë", "no-reply@a.example", "zoe@b.example", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := envelope()
			e.From, e.To, e.Content = tc.from, tc.to, []byte("X-Name: "+tc.header+"\r\nX-Case: "+strings.ReplaceAll(name, " ", "-")+"\r\n\r\nä\r\n")
			find := func(server *platformtest.MailServer) *platformtest.SMTPMail {
				for _, m := range server.Mails() {
					if string(m.Raw) == string(e.Content) {
						return &m
					}
				}
				return nil
			}
			if err := mail.NewSMTP(to(full)).Deliver(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if m := find(full); m == nil || m.From != tc.wantFrom || m.To != tc.wantTo || m.Unicode != tc.unicode {
				t.Errorf("%+v", m)
			}
			err := mail.NewSMTP(to(narrow)).Deliver(t.Context(), e)
			if !tc.permanent {
				if m := find(narrow); err != nil || m == nil || m.Unicode {
					t.Errorf("%+v, %v", m, err)
				}
				return
			}
			if f := failure(t, err); !f.Permanent || f.Reason != "the mail server takes no addresses outside of ASCII" || find(narrow) != nil {
				t.Errorf("%v %q", f.Permanent, f.Reason)
			}
		})
	}
}

func TestSMTPGreeting(t *testing.T) {
	t.Parallel()
	server := platformtest.SMTPServer(t, platformtest.Behaviour{})
	for public, want := range map[string]string{
		"https://auth.example.com": "auth.example.com", "http://localhost:5000": "localhost", "http://192.0.2.7:5000": "[192.0.2.7]",
		"http://[2001:db8::1]:5000": "[IPv6:2001:db8::1]", "https://bücher.example": "xn--bcher-kva.example", "": "localhost",
	} {
		s := to(server)
		s.PublicURL = public
		if err := mail.NewSMTP(s).Deliver(t.Context(), envelope()); err != nil {
			t.Fatal(err)
		}
		if got := server.Mails()[len(server.Mails())-1].Hello; got != want {
			t.Errorf("%s greets as %q, want %q", public, got, want)
		}
	}
}

// An address that smuggles a command is none, wherever it comes from.
func TestSMTPInjection(t *testing.T) {
	t.Parallel()
	server := platformtest.SMTPServer(t, platformtest.Behaviour{})
	for _, address := range []string{"zoe@b.example>\r\nRCPT TO:<bob@b.example", "zoe@b.example\nDATA", "zoe\r@b.example"} {
		e := envelope()
		e.To = address
		if err := mail.NewSMTP(to(server)).Deliver(t.Context(), e); err == nil {
			t.Errorf("%q is taken", address)
		}
		e = envelope()
		e.From = address
		if err := mail.NewSMTP(to(server)).Deliver(t.Context(), e); err == nil {
			t.Errorf("%q is taken", address)
		}
	}
	e := envelope()
	e.Content = []byte("Subject: x\r\n\r\n\n.\nMAIL FROM:<x@y.z>\r\n.\n\r.\r\nend\r\n")
	if err := mail.NewSMTP(to(server)).Deliver(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := server.Mails(); len(got) != 1 || !strings.HasSuffix(string(got[0].Raw), "end\r\n") {
		t.Errorf("%+v", got)
	}
}

func TestSMTPTLSVersion(t *testing.T) {
	t.Parallel()
	authority := platformtest.NewAuthority(t)
	old := authority.Certificate(false, "127.0.0.1")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{old}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_ = c.(*tls.Conn).HandshakeContext(t.Context())
			_ = c.Close()
		}
	}()
	s := mail.SMTPSettings{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Security: mail.ImplicitTLS, Roots: authority.Roots()}
	if f := failure(t, mail.NewSMTP(s).Deliver(t.Context(), envelope())); f.Permanent || !strings.HasPrefix(f.Reason, "connect: ") {
		t.Errorf("%v %q", f.Permanent, f.Reason)
	}
}
