package service

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// conversation is one connection to a mail server.
type conversation struct {
	server *MailServer
	conn   net.Conn
	lines  *bufio.Reader
	tls    bool
	mail   Delivery
	taken  []*Delivery
}

func (m *MailServer) serve(conn net.Conn) {
	c := &conversation{server: m, conn: conn, lines: bufio.NewReader(conn)}
	m.mu.Lock()
	m.open[conn] = true
	m.mu.Unlock()
	defer func() {
		_ = c.conn.Close()
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.open, conn)
		for _, d := range c.taken {
			d.Parted = time.Now()
		}
	}()
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	if !c.step(MailStep{Verb: "CONNECT"}, "220 mailpit ESMTP") {
		return
	}
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil || !c.command(strings.TrimRight(line, "\r\n")) {
			return
		}
	}
}

// command answers one line, and reports whether the conversation goes on.
func (c *conversation) command(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	verb = strings.ToUpper(verb)
	switch {
	case verb == "QUIT":
		c.say("221 bye")
		return false
	case verb == "EHLO" && c.server.tls != nil && !c.tls:
		return c.step(MailStep{Verb: verb}, "250-mailpit\r\n250 STARTTLS")
	case verb == "EHLO":
		return c.step(MailStep{Verb: verb}, "250-mailpit\r\n250-SMTPUTF8\r\n250 8BITMIME")
	case verb == "STARTTLS" && c.server.tls != nil && !c.tls:
		if !c.step(MailStep{Verb: verb}, "220 go ahead") {
			return false
		}
		c.conn, c.tls = tls.Server(c.conn, c.server.tls), true
		c.lines = bufio.NewReader(c.conn)
		return true
	case c.server.tls != nil && !c.tls:
		return c.say("530 5.7.0 use STARTTLS first")
	case verb == "MAIL":
		c.mail = Delivery{From: pathIn(rest), TLS: c.tls}
		return c.step(MailStep{Verb: verb}, "250 yes")
	case verb == "RCPT":
		c.mail.To = append(c.mail.To, pathIn(rest))
		return c.step(MailStep{Verb: verb, To: pathIn(rest)}, "250 yes")
	case verb == "DATA":
		return c.data()
	default: // RSET, NOOP
		return c.say("250 yes")
	}
}

// data takes a mail.
func (c *conversation) data() bool {
	if said := c.server.answer(MailStep{Verb: "DATA"}); said != "" {
		return c.do(said)
	}
	if !c.say("354 go on") {
		return false
	}
	var b strings.Builder
	for {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			return false
		}
		if line == ".\r\n" {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "."))
	}
	c.mail.Raw = b.String()
	said := c.server.answer(MailStep{Verb: "END", Raw: c.mail.Raw})
	if said != "" {
		return c.do(said)
	}
	d := c.mail
	d.Read = time.Now()
	c.taken = append(c.taken, &d)
	c.server.mu.Lock()
	c.server.taken = append(c.server.taken, &d)
	c.server.mu.Unlock()
	return c.say("250 taken")
}

// step says what the script wants said, or else the usual.
func (c *conversation) step(s MailStep, usual string) bool {
	if said := c.server.answer(s); said != "" {
		return c.do(said)
	}
	return c.say(usual)
}

// do says what a script wants said.
func (c *conversation) do(said string) bool {
	if said == Silence {
		_, _ = io.Copy(io.Discard, c.lines)
		return false
	}
	return c.say(said)
}

func (c *conversation) say(line string) bool {
	_, err := fmt.Fprintf(c.conn, "%s\r\n", line)
	return err == nil
}

// pathIn is the path between brackets of what follows MAIL or RCPT.
func pathIn(rest string) string {
	_, rest, _ = strings.Cut(rest, "<")
	path, _, _ := strings.Cut(rest, ">")
	return path
}
