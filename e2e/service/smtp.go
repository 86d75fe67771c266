package service

import (
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// MailServer is a mail server (RFC 5321). With a certificate it takes mails under STARTTLS
// (RFC 3207) and none without; otherwise in clear text. It keeps its address across
// [MailServer.Stop] and [MailServer.Start].
type MailServer struct {
	addr string
	tls  *tls.Config

	mu       sync.Mutex
	listener net.Listener
	open     map[net.Conn]bool
	script   MailScript
	taken    []*Delivery
}

// MailStep is where a conversation is, and what is known by then.
type MailStep struct {
	// Verb is CONNECT, EHLO, STARTTLS, MAIL, RCPT, DATA, or END when the mail has been read.
	Verb string
	// To is the path that RCPT named, Raw the mail.
	To, Raw string
}

// MailScript says how the server answers a step: an empty text means as ever, and
// [Silence] not at all.
type MailScript func(s MailStep) string

// Silence is a script's answer that never comes: the connection stays open until the
// client gives up.
const Silence = "(silence)"

// Delivery is a mail as it arrived.
type Delivery struct {
	// From and To are the paths of the envelope, without their brackets.
	From string
	To   []string
	// TLS tells whether it came encrypted.
	TLS bool
	// Raw is the mail with its headers, as it was sent.
	Raw string
	// Read is when the last of it was read, and Parted when the conversation ended; zero
	// while it has not.
	Read, Parted time.Time
}

// NewMailServer starts one on addr with the certificate and key in two PEM files, or
// without TLS when there are none.
func NewMailServer(addr, certificate, key string) (*MailServer, error) {
	m := &MailServer{addr: addr, open: map[net.Conn]bool{}}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("service: mail server: %w", err)
		}
		m.tls = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	return m, m.Start()
}

// Addr is where it listens.
func (m *MailServer) Addr() string { return m.addr }

// Start listens, after Stop again.
func (m *MailServer) Start() error {
	listener, err := net.Listen("tcp", m.addr)
	if err != nil {
		return fmt.Errorf("service: mail server: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listener, m.addr = listener, listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			go m.serve(conn)
		}
	}()
	return nil
}

// Stop refuses connections, and breaks those off that there are.
func (m *MailServer) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.listener.Close()
	for conn := range m.open {
		_ = conn.Close()
	}
}

// Close ends it.
func (m *MailServer) Close() { m.Stop() }

// Do has the server answer as the script says; nil as ever.
func (m *MailServer) Do(script MailScript) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.script = script
}

// Deliveries are the mails so far, in the order of arrival.
func (m *MailServer) Deliveries() []Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Delivery, len(m.taken))
	for i, d := range m.taken {
		all[i] = *d
		all[i].To = slices.Clone(d.To)
	}
	return all
}

// Mails are the mails so far, with their headers, in the order of arrival.
func (m *MailServer) Mails() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]string, len(m.taken))
	for i, d := range m.taken {
		all[i] = d.Raw
	}
	return all
}

// answer is what the script wants said at a step.
func (m *MailServer) answer(s MailStep) string {
	m.mu.Lock()
	script := m.script
	m.mu.Unlock()
	if script == nil {
		return ""
	}
	return script(s)
}
