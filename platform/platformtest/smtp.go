package platformtest

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
)

// Behaviour is how a mail server of a test is set up. Its zero value takes everything in
// clear text.
type Behaviour struct {
	// Certificate makes it offer STARTTLS, or speak TLS from the first byte with Implicit.
	Certificate *tls.Certificate
	Implicit    bool
	// Users are names and passwords. When there are some, it takes mails of nobody else.
	Users map[string]string
	// Mechanisms are the ways of signing in: PLAIN, LOGIN; nil means both.
	Mechanisms []string
	// ASCII leaves SMTPUTF8 out.
	ASCII bool
	// Script is asked before each step; nil accepts everything.
	Script Script
}

// Step is where a conversation is.
type Step struct {
	// Command is EHLO, MAIL, RCPT, DATA (before the message is read) or END (after it).
	Command string
	// From and To are bare addresses, where they are known by then.
	From, To string
}

// Script tells a mail server what to do at a step: nil goes on, [Answer] refuses,
// [ErrDrop] breaks the connection off, [ErrTarpit] says nothing any more.
type Script func(s Step) error

// What a script can ask for.
var (
	ErrDrop   = errors.New("drop the connection")
	ErrTarpit = errors.New("stay silent")
)

// Answer is the refusal with the code, the enhanced code 4.0.0 or 5.0.0 and the words.
func Answer(code int, words string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: words}
}

// SMTPMail is a mail as the server got it.
type SMTPMail struct {
	// From and To are the envelope's bare addresses, User who had signed in, Hello what
	// the client greeted with.
	From, To, User, Hello string
	// TLS and Unicode tell how it came: encrypted, and with SMTPUTF8.
	TLS, Unicode bool
	// Raw is the message.
	Raw []byte
}

// MailServer is a real mail server on a loopback port.
type MailServer struct {
	// Host and Port are where it listens, or did before it went away.
	Host string
	Port int

	t         testing.TB
	behaviour Behaviour

	mu      sync.Mutex
	running *smtp.Server
	socket  net.Listener
	stopped chan struct{} // ends the silence of tarpits
	mails   []SMTPMail
	steps   []Step
}

// SMTPServer starts a mail server, which ends with the test.
func SMTPServer(t testing.TB, b Behaviour) *MailServer {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatalf("mail server: %v", err)
	}
	s := &MailServer{Host: "127.0.0.1", Port: port, t: t, behaviour: b}
	s.Up()
	t.Cleanup(s.Down)
	return s
}

// Up listens, unless it does already.
func (s *MailServer) Up() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running != nil {
		return
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	if err != nil {
		s.t.Fatalf("mail server: %v", err)
	}
	stopped := make(chan struct{})
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		session := &smtpSession{server: s, conn: c, stopped: stopped}
		return session, session.act("EHLO")
	}))
	server.Domain, server.AllowInsecureAuth, server.EnableSMTPUTF8 = "mail.test", true, !s.behaviour.ASCII
	server.ErrorLog = log.New(io.Discard, "", 0)
	if s.behaviour.Certificate != nil {
		server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*s.behaviour.Certificate}, MinVersion: tls.VersionTLS12}
		if s.behaviour.Implicit {
			listener = tls.NewListener(listener, server.TLSConfig)
		}
	}
	s.running, s.socket, s.stopped = server, listener, stopped
	go func() { _ = server.Serve(listener) }()
}

// Down refuses connections, and breaks those off that there are.
func (s *MailServer) Down() {
	s.mu.Lock()
	server, socket, stopped := s.running, s.socket, s.stopped
	s.running = nil
	s.mu.Unlock()
	if server != nil {
		close(stopped)
		_ = socket.Close() // the server may not know it yet
		_ = server.Close()
	}
}

// Do changes the script.
func (s *MailServer) Do(script Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviour.Script = script
}

// Mails returns what it took so far.
func (s *MailServer) Mails() []SMTPMail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Steps returns every step that clients got to so far.
func (s *MailServer) Steps() []Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.steps)
}
