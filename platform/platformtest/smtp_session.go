package platformtest

import (
	"errors"
	"io"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// smtpSession is one conversation with a mail server of a test.
type smtpSession struct {
	server  *MailServer
	conn    *smtp.Conn
	stopped <-chan struct{}
	mail    SMTPMail
	user    string
}

var _ smtp.AuthSession = (*smtpSession)(nil)

// act does what the script says.
func (s *smtpSession) act(command string) error {
	step := Step{Command: command, From: s.mail.From, To: s.mail.To}
	s.server.mu.Lock()
	s.server.steps = append(s.server.steps, step)
	script := s.server.behaviour.Script
	s.server.mu.Unlock()
	if script == nil {
		return nil
	}
	err := script(step)
	switch {
	case errors.Is(err, ErrDrop):
		_ = s.conn.Conn().Close()
	case errors.Is(err, ErrTarpit):
		<-s.stopped
		_ = s.conn.Conn().Close()
	}
	return err
}

// AuthMechanisms lists the ways of signing in.
func (s *smtpSession) AuthMechanisms() []string {
	switch {
	case s.server.behaviour.Users == nil:
		return nil
	case s.server.behaviour.Mechanisms == nil:
		return []string{sasl.Plain, sasl.Login}
	}
	return s.server.behaviour.Mechanisms
}

// Auth signs in.
func (s *smtpSession) Auth(mechanism string) (sasl.Server, error) {
	check := func(name, password string) error {
		if known, ok := s.server.behaviour.Users[name]; !ok || known != password {
			return smtp.ErrAuthFailed
		}
		s.user = name
		return nil
	}
	if mechanism == sasl.Login {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, name, password string) error { return check(name, password) }), nil
}

// Mail begins a mail.
func (s *smtpSession) Mail(from string, o *smtp.MailOptions) error {
	_, encrypted := s.conn.TLSConnectionState()
	s.mail = SMTPMail{From: from, User: s.user, Hello: s.conn.Hostname(), TLS: encrypted, Unicode: o.UTF8}
	if s.server.behaviour.Users != nil && s.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	return s.act("MAIL")
}

// Rcpt names the recipient.
func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.To = to
	return s.act("RCPT")
}

// Data takes the message.
func (s *smtpSession) Data(r io.Reader) error {
	if err := s.act("DATA"); err != nil {
		return err
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.Raw = raw
	err = s.act("END")
	var refusal *smtp.SMTPError
	if !errors.As(err, &refusal) { // a connection that ends now leaves the mail here
		s.server.mu.Lock()
		s.server.mails = append(s.server.mails, s.mail)
		s.server.mu.Unlock()
	}
	return err
}

// Reset forgets the mail that was begun.
func (s *smtpSession) Reset() { s.mail = SMTPMail{} }

// Logout ends the conversation.
func (s *smtpSession) Logout() error { return nil }

// loginServer is the way of signing in that asks for the name and then for the password.
type loginServer struct {
	check func(name, password string) error
	asked int
	name  string
}

// Next takes an answer and asks the next question.
func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.asked++
	switch l.asked {
	case 1:
		if response == nil {
			return []byte("Username:"), false, nil
		}
		l.asked++
		fallthrough
	case 2:
		l.name = string(response)
		return []byte("Password:"), false, nil
	default:
		return nil, true, l.check(l.name, string(response))
	}
}
