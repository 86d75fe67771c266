package service

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// MailServer is a mail server (RFC 5321) that takes every mail under STARTTLS (RFC 3207),
// and none without.
type MailServer struct {
	listener net.Listener
	tls      *tls.Config
	mu       sync.Mutex
	mails    []string
}

// NewMailServer starts one on addr with the certificate and key in two PEM files.
func NewMailServer(addr, certificate, key string) (*MailServer, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("service: mail server: %w", err)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("service: mail server: %w", err)
	}
	m := &MailServer{listener: listener, tls: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go m.serve(conn)
		}
	}()
	return m, nil
}

// Mails are the mails so far, with their headers, in the order of arrival.
func (m *MailServer) Mails() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string{}, m.mails...)
}

// Close ends it.
func (m *MailServer) Close() { _ = m.listener.Close() }

func (m *MailServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	lines, private := bufio.NewReader(conn), false
	say := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 mailpit ESMTP")
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		switch {
		case verb == "QUIT":
			say("221 bye")
			return
		case verb == "EHLO" && !private:
			say("250-mailpit\r\n250 STARTTLS")
		case verb == "EHLO":
			say("250-mailpit\r\n250 8BITMIME")
		case verb == "STARTTLS" && !private:
			say("220 go ahead")
			conn, private = tls.Server(conn, m.tls), true
			lines = bufio.NewReader(conn)
		case !private:
			say("530 5.7.0 use STARTTLS first")
		case verb == "DATA":
			say("354 go on")
			if !m.take(lines) {
				return
			}
			say("250 taken")
		default: // MAIL, RCPT, RSET, NOOP
			say("250 yes")
		}
	}
}

// take reads a mail up to the line with a single dot.
func (m *MailServer) take(lines *bufio.Reader) bool {
	var b strings.Builder
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mails = append(m.mails, b.String())
	return true
}
