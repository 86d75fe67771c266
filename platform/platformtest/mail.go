package platformtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/secret"
)

// MailTrap is a real outbox on a backend whose mails are delivered into memory, when the
// test says so. It is a [mail.Outbox].
type MailTrap struct {
	*mail.Queue
	box *mailBox
}

var _ mail.Outbox = (*MailTrap)(nil)

// Mail is a delivered mail as its reader sees it.
type Mail struct {
	// ID and Purpose are those of the envelope; empty when only the file is known.
	ID, Purpose string
	// From, To and ReplyTo are bare addresses.
	From, To, ReplyTo string
	Subject           string
	Text, HTML        string
	// Header is the rest, and Raw the message itself.
	Header netmail.Header
	Raw    []byte
}

// Outbox returns an outbox on b.
func Outbox(t testing.TB, b Backend) *MailTrap {
	t.Helper()
	keys, err := crypto.ParseKeyring(secret.New("test:" + strings.Repeat("5a", 32)))
	if err != nil {
		t.Fatalf("mail: %v", err)
	}
	box := &mailBox{t: t}
	queue, err := mail.New(mail.Parts{
		DB: b.DB, Clock: b.Clock, IDs: id.Generator{}, Keys: keys, Rand: rand.Reader, Jobs: b.Jobs, Bus: b.Bus, Transport: box, Log: b.Log,
	}, mail.Settings{From: "Authy2 <no-reply@localhost>", PublicURL: "http://localhost:5000"})
	if err != nil {
		t.Fatalf("mail: %v", err)
	}
	return &MailTrap{Queue: queue, box: box}
}

// Deliver delivers everything that is committed and due, and returns the mails that this
// call delivered, in their order.
func (m *MailTrap) Deliver(ctx context.Context) []Mail {
	m.box.t.Helper()
	before := len(m.All())
	for {
		report, err := m.Sweep(ctx)
		if err != nil {
			m.box.t.Errorf("mail: deliver: %v", err)
		}
		if err != nil || report["sent"] == 0 {
			return m.All()[before:]
		}
	}
}

// All returns every mail that was delivered so far.
func (m *MailTrap) All() []Mail {
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	return slices.Clone(m.box.mails)
}

// Fail makes every further delivery fail with err; nil makes them succeed again.
func (m *MailTrap) Fail(err error) {
	m.box.mu.Lock()
	defer m.box.mu.Unlock()
	m.box.fail = err
}

// mailBox is the transport into memory.
type mailBox struct {
	t     testing.TB
	mu    sync.Mutex
	mails []Mail
	fail  error
}

// Deliver keeps the mail.
func (b *mailBox) Deliver(_ context.Context, e mail.Envelope) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	read := ReadMail(b.t, e.Content)
	read.ID, read.Purpose = e.ID, e.Purpose
	b.mails = append(b.mails, read)
	return nil
}

// ReadMail reads a message of RFC 5322 as mail programs do. What cannot be read fails the
// test.
func ReadMail(t testing.TB, raw []byte) Mail {
	t.Helper()
	read := Mail{Raw: slices.Clone(raw)}
	msg, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Errorf("mail: %v", err)
		return read
	}
	read.Header = msg.Header
	for name, into := range map[string]*string{"From": &read.From, "To": &read.To, "Reply-To": &read.ReplyTo} {
		if msg.Header.Get(name) == "" {
			continue
		}
		address, err := netmail.ParseAddress(msg.Header.Get(name))
		if err != nil {
			t.Errorf("mail: %s: %v", name, err)
			continue
		}
		*into = address.Address
	}
	if read.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		t.Errorf("mail: subject: %v", err)
	}
	read.part(t, msg.Header.Get("Content-Type"), msg.Header.Get("Content-Transfer-Encoding"), msg.Body)
	return read
}

// part reads a part of the body, and those in it.
func (m *Mail) part(t testing.TB, contentType, encoding string, body io.Reader) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Errorf("mail: content type: %v", err)
		return
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Errorf("mail: part: %v", err)
				return
			}
			m.part(t, p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
		}
	}
	if encoding == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		t.Errorf("mail: body: %v", err)
	}
	text := strings.ReplaceAll(string(content), "\r\n", "\n")
	if kind == "text/html" {
		m.HTML = text
	} else {
		m.Text = text
	}
}
