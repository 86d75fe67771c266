package contact_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/authy2/backend/modules/contact"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// headersOf returns the names of a raw message's header fields, sorted, and the lines.
func headersOf(t testing.TB, raw []byte) (names, lines []string) {
	t.Helper()
	head, _, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !found {
		t.Fatalf("the message has no body:\n%s", raw)
	}
	if bytes.ContainsAny(bytes.ReplaceAll(head, []byte("\r\n"), nil), "\r\n\x00") {
		t.Errorf("a lone CR, LF or NUL in the header:\n%q", head)
	}
	for line := range strings.SplitSeq(string(head), "\r\n") {
		lines = append(lines, line)
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			continue
		}
		name, _, found := strings.Cut(line, ":")
		if !found {
			t.Errorf("%q is no header field", line)
		}
		names = append(names, textproto.CanonicalMIMEHeaderKey(name))
	}
	slices.Sort(names)
	return names, lines
}

// wantHeaders are the header fields of the mail of an enquiry: each once, and no other.
var wantHeaders = []string{
	"Auto-Submitted", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Reply-To", "Subject", "To",
}

func TestEnquiryMail(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		const (
			name    = `Bcc: eve@example.com, "<b>Carol</b>" =?utf-8?q?x?= 日本`
			message = "Dear all,\r\n\r\nBcc: eve@example.com\n.\n<script>alert(1)</script>\tand \"more\"\n-- \nCarol"
		)
		status, got, _ := s.post(t.Context(), t, body(t, "name", name, "message", message, "company", "Acme & Söhne", "phone", "+49 30 1"))
		if status != http.StatusCreated {
			t.Fatalf("%d %s", status, got)
		}
		mails := s.trap.Deliver(t.Context())
		if len(mails) != 1 {
			t.Fatalf("%d mails", len(mails))
		}
		m := mails[0]
		names, _ := headersOf(t, m.Raw)
		if !slices.Equal(names, wantHeaders) {
			t.Errorf("the header fields are %v", names)
		}
		if m.Purpose != "contact.enquiry" || m.To != recipient || m.ReplyTo != "carol@example.com" || m.Subject != "Demo request from "+name {
			t.Errorf("a %s to %s, reply to %s: %s", m.Purpose, m.To, m.ReplyTo, m.Subject)
		}
		for _, want := range []string{
			"Name: " + name + "\nEmail: carol@example.com\nCompany: Acme & Söhne\nPhone: +49 30 1\n",
			"Dear all,\n\nBcc: eve@example.com\n.\n<script>alert(1)</script> and \"more\"\n-- \nCarol\n", "01900000-0000-7000-8000-", "1 January 2031, 00:00 UTC",
		} {
			if !strings.Contains(m.Text, want) {
				t.Errorf("%q is missing in the text:\n%s", want, m.Text)
			}
		}
		if strings.Contains(m.HTML, "<script") || strings.Contains(m.HTML, "<b>Carol") || !strings.Contains(m.HTML, "&lt;script&gt;alert(1)") {
			t.Errorf("the HTML is:\n%s", m.HTML)
		}
	})
}

// Every type has its words, and a long name leaves a subject that people can read.
func TestSubjects(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	for kind, want := range map[contact.Type]string{
		contact.TypeDemo: "Demo request", contact.TypeSales: "Sales enquiry", contact.TypeGeneral: "General enquiry", contact.TypeSupport: "Support request",
	} {
		h.submit(t, func(n *contact.NewEnquiry) { n.Type = kind })
		if mails := h.trap.Deliver(t.Context()); len(mails) != 1 || mails[0].Subject != want+" from Carol Developer" {
			t.Errorf("%s: %+v", kind, mails)
		}
	}
	h.submit(t, func(n *contact.NewEnquiry) { n.Name = strings.Repeat("名", 255) })
	m := h.trap.Deliver(t.Context())[0]
	if m.Subject != "Demo request from "+strings.Repeat("名", 99)+"…" || !strings.Contains(m.Text, strings.Repeat("名", 255)) {
		t.Errorf("a long name: %s\n%s", m.Subject, m.Text)
	}
}

// An acknowledgement goes to whatever address was given, so it repeats nothing that was
// written.
func TestAcknowledgement(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b, func(s *setup) { s.config.Acknowledge = true })
		s.post(t.Context(), t, body(t, "name", "Visit spam.example", "message", "Cheap pills at https://spam.example", "company", "spam.example", "phone", "spam.example"))
		mails := s.trap.Deliver(t.Context())
		if len(mails) != 2 {
			t.Fatalf("%d mails", len(mails))
		}
		i := slices.IndexFunc(mails, func(m platformtest.Mail) bool { return m.Purpose == "contact.acknowledgement" })
		if i < 0 {
			t.Fatalf("the mails are %+v", mails)
		}
		m := mails[i]
		if m.To != "carol@example.com" || m.ReplyTo != "" || m.Header.Get("Auto-Submitted") == "" {
			t.Errorf("to %s, reply to %q, %v", m.To, m.ReplyTo, m.Header)
		}
		if strings.Contains(string(m.Raw), "spam") || strings.Contains(m.Text, "Visit") || !strings.Contains(m.Text, "01900000-0000-7000-8000-") {
			t.Errorf("the acknowledgement is:\n%s", m.Raw)
		}
		s.post(t.Context(), t, body(t, "website", "x"))
		if mails := s.trap.Deliver(t.Context()); len(mails) != 0 {
			t.Errorf("a trapped enquiry is mailed: %+v", mails)
		}
	})
}

// letterbox is a transport into memory that needs no test.
type letterbox struct {
	mu  sync.Mutex
	all [][]byte
}

func (l *letterbox) Deliver(_ context.Context, e mail.Envelope) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, bytes.Clone(e.Content))
	return nil
}

func (l *letterbox) take() [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all
	l.all = nil
	return all
}

// FuzzBodyToMail sends whatever there is through the edge, the database and the queue. It
// is refused, or it becomes one mail whose header is as we wrote it.
func FuzzBodyToMail(f *testing.F) {
	for _, s := range [][5]string{
		{"Carol", "carol@example.com", "Could you show us yours?", "Acme", "+49 1"},
		{"Carol\r\nBcc: eve@example.com", "carol@example.com", "Could you\r\nBcc: eve@example.com", "\nAcme", "1\r"},
		{"=?utf-8?q?=0D=0ABcc:_eve?=", "j\u00fcrgen@b\u00fccher.example", "=0D=0ABcc: eve@example.com\n.\n", "\u2028", "\u202e"},
		{"Bcc: eve@example.com", "a!#$%&'*+-/=?^_`{|}~@example.com", "\r\n\r\n--boundary\r\nX: y", "", ""},
		{strings.Repeat("=?", 127), "a@localhost", strings.Repeat("\u65e5", 3000), strings.Repeat("é", 255), strings.Repeat("9", 32)},
		{"\u200b", "carol@xn--bcher-kva.example", "          ", " ", "\u00a0"},
		{"<!--", "a=?b?=@example.com", "{{.}} {{range}} \u0000 %0d%0a", "</p>", "\x7f"},
		{"\u200f\u05d0\u05d1 1", "\u65e5@example.com", "\xff\xfe not quite UTF-8 \xc3", "\xff", "\u0085"},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4])
	}
	keys, err := crypto.ParseKeyring(secret.New("test:" + strings.Repeat("5a", 32)))
	if err != nil {
		f.Fatal(err)
	}
	b, box, log := platformtest.SQLite(f, lines()...), &letterbox{}, slog.New(slog.DiscardHandler)
	queue, err := mail.New(mail.Parts{
		DB: b.DB, Clock: b.Clock, IDs: id.Generator{}, Keys: keys, Rand: rand.Reader, Jobs: b.Jobs, Bus: b.Bus, Transport: box, Log: log,
	}, mail.Settings{From: "Authy2 <no-reply@localhost>", PublicURL: "http://localhost:5000"})
	if err != nil {
		f.Fatal(err)
	}
	h := newHouse(f, b, func(s *setup) { s.parts.Outbox = queue })
	e := newEdge(f, b, h.Service, nil, log)
	f.Fuzz(func(t *testing.T, name, email, message, company, phone string) {
		request, err := json.Marshal(map[string]string{
			"enquiry_type": "general", "name": name, "email": email, "message": message, "company": company, "phone": phone,
		})
		if err != nil {
			t.Fatal(err)
		}
		status, got, _ := e.post(t.Context(), t, string(request))
		if status != http.StatusCreated && status != http.StatusBadRequest {
			t.Fatalf("%s is answered %d %s", request, status, got)
		}
		if _, err := queue.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		mails := box.take()
		if (status == http.StatusCreated) != (len(mails) == 1) {
			t.Fatalf("%s is answered %d, and makes %d mails", request, status, len(mails))
		}
		for _, raw := range mails {
			names, lines := headersOf(t, raw)
			if !slices.Equal(names, wantHeaders) {
				t.Errorf("the header fields of %s are %v", request, names)
			}
			m := platformtest.ReadMail(t, raw)
			if m.To != recipient || !strings.EqualFold(m.ReplyTo, email) && m.ReplyTo == "" || !strings.HasPrefix(m.Subject, "General enquiry from ") {
				t.Errorf("%s is mailed to %q, reply to %q: %q\n%s", request, m.To, m.ReplyTo, m.Subject, strings.Join(lines, "\n"))
			}
			for _, line := range lines {
				if len(line) > 998 {
					t.Errorf("a line of %d bytes", len(line))
				}
			}
		}
	})
}
