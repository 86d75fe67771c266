package mail_test

import (
	"context"
	"mime"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"golang.org/x/net/idna"

	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	if err := letter().Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(m *mail.Message){
		"no recipient":           func(m *mail.Message) { m.To = "" },
		"a name":                 func(m *mail.Message) { m.To = "Zoe <zoe@example.com>" },
		"brackets":               func(m *mail.Message) { m.To = "<zoe@example.com>" },
		"a comment":              func(m *mail.Message) { m.To = "zoe@example.com (Zoe)" },
		"two":                    func(m *mail.Message) { m.To = "zoe@example.com, bob@example.com" },
		"quoted":                 func(m *mail.Message) { m.To = `"zoe x"@example.com` },
		"a header":               func(m *mail.Message) { m.To = "zoe@example.com\r\nBcc: bob@example.com" },
		"a folded header":        func(m *mail.Message) { m.To = "zoe@example.com\r\n bob@example.com" },
		"a bare line feed":       func(m *mail.Message) { m.To = "zoe@example.com\n" },
		"a bare carriage return": func(m *mail.Message) { m.Subject = "x\rBcc: bob@example.com" },
		"a header in subject":    func(m *mail.Message) { m.Subject = "x\r\nBcc: bob@example.com\r\n\r\nbody" },
		"a NUL in subject":       func(m *mail.Message) { m.Subject = "x\x00y" },
		"a line separator":       func(m *mail.Message) { m.Subject = "x\u2028y" },
		"a next line":            func(m *mail.Message) { m.Subject = "x\u0085y" },
		"no UTF-8":               func(m *mail.Message) { m.Subject = "x\xff" },
		"a header in reply-to":   func(m *mail.Message) { m.ReplyTo = "bob@example.com\nX: y" },
		"a NUL in reply-to":      func(m *mail.Message) { m.ReplyTo = "bob@exam\x00ple.com" },
		"no subject":             func(m *mail.Message) { m.Subject = " " },
		"a long subject":         func(m *mail.Message) { m.Subject = strings.Repeat("x", 901) },
		"a long address":         func(m *mail.Message) { m.To = "z@" + strings.Repeat("x.", 130) + "example.com" },
		"a long local part":      func(m *mail.Message) { m.To = strings.Repeat("x", 65) + "@example.com" },
		"no text":                func(m *mail.Message) { m.Text = "" },
		"a NUL in text":          func(m *mail.Message) { m.Text = "x\x00" },
		"no UTF-8 in HTML":       func(m *mail.Message) { m.HTML = "\xff" },
		"a long text":            func(m *mail.Message) { m.Text = strings.Repeat("x", 512<<10+1) },
		"no purpose":             func(m *mail.Message) { m.Purpose = "" },
		"a path":                 func(m *mail.Message) { m.Purpose = "../x.y" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := letter()
			change(&m)
			err := m.Check()
			if err == nil {
				t.Fatal("taken")
			}
			if strings.Contains(err.Error(), "example.com") || strings.ContainsRune(err.Error(), 0) {
				t.Errorf("the error retells the mail: %v", err)
			}
		})
	}
}

// What is refused is in no table, and an address of any script arrives.
func TestSendRefuses(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	over := &spy{}
	q := open(t, parts(t, b, over))
	bad := letter()
	bad.Subject = "x\r\nBcc: bob@example.com"
	err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return q.Send(ctx, tx, bad) })
	if err == nil || len(rows(t, b)) != 0 {
		t.Fatalf("taken: %v", err)
	}
	good := letter()
	good.To = "zoë@bücher.example"
	send(t, b, q, good)
	sweep(t, q, 1, 0, 0)
	if got := platformtest.ReadMail(t, over.all()[0].Content); got.To != good.To {
		t.Errorf("to %q", got.To)
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	b.Clock.Set(time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC))
	over := &spy{}
	q := open(t, parts(t, b, over))
	bare := letter()
	bare.HTML, bare.ReplyTo = "", ""
	spoof := letter()
	spoof.Subject = "=?utf-8?q?Your_bank?= and a text that is long enough to need more than one =?utf-8?b?word?= of the encoding"
	spaces := letter()
	spaces.Subject = strings.Repeat("word   ", 60)
	long := letter()
	long.Subject, long.Text = strings.Repeat("x", 900), strings.Repeat("y", 5000)+"\r\n.\r\nz"
	for _, m := range []mail.Message{letter(), bare, spoof, spaces, long} {
		send(t, b, q, m)
		b.Clock.Advance(time.Hour) // the date is that of the sending
		sweep(t, q, 1, 0, 0)
		e := over.all()[len(over.all())-1]
		got := platformtest.ReadMail(t, e.Content)
		wantSubject := strings.TrimSpace(m.Subject)
		if m.Subject == spaces.Subject {
			wantSubject = strings.TrimSpace(strings.Repeat("word ", 60))
		}
		if got.Subject != wantSubject {
			t.Errorf("subject %q, want %q", got.Subject, wantSubject)
		}
		if want := strings.ReplaceAll(m.Text, "\r\n", "\n"); strings.TrimSuffix(got.Text, "\n") != want || got.HTML != m.HTML {
			t.Errorf("text %q\nhtml %q", got.Text, got.HTML)
		}
		if got.From != "no-reply@auth.example.com" || got.To != m.To || got.ReplyTo != m.ReplyTo {
			t.Errorf("from %q to %q reply-to %q", got.From, got.To, got.ReplyTo)
		}
		from, err := (&netmail.AddressParser{WordDecoder: new(mime.WordDecoder)}).Parse(got.Header.Get("From"))
		if err != nil || from.Name != "Authy2 Tëst" {
			t.Errorf("from %v, %v", from, err)
		}
		if at, err := got.Header.Date(); err != nil || !at.Equal(e.Date) {
			t.Errorf("date %v, %v, want %v", at, err, e.Date)
		}
		for name, want := range map[string]string{
			"Message-Id": e.MessageID, "Auto-Submitted": "auto-generated", "Mime-Version": "1.0", "User-Agent": "", "X-Mailer": "",
		} {
			if v := got.Header.Get(name); v != want {
				t.Errorf("%s: %q, want %q", name, v, want)
			}
		}
		for line := range strings.SplitSeq(string(e.Content), "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n") {
				t.Errorf("a line of %d bytes, or not ended by CR LF: %.80q", len(line), line)
			}
		}
	}
}

// FuzzCheck looks for an address or a subject that is taken and gets into another header,
// or comes out as something else.
func FuzzCheck(f *testing.F) {
	for _, seed := range [][2]string{
		{"zoe@example.com", "Hello"},
		{"zoe@bücher.example", "x"},
		{"zoë@bücher.example", "Grüße  =?utf-8?q?x?="},
		{"a@b\r\nBcc: c@d", "x\r\nBcc: c@d"},
		{"a@[127.0.0.1]", "x\u2028y"},
		{`"a b"@c.d`, " "},
		{"a@b.c (d)", strings.Repeat("ä", 400)},
		{"=?utf-8?q?a?=@b.c", "=?"},
		{"a@b", "\t"},
	} {
		f.Add(seed[0], seed[1])
	}
	b := platformtest.SQLite(f)
	over := &spy{}
	f.Fuzz(func(t *testing.T, to, subject string) {
		m := mail.Message{Purpose: "test.fuzz", To: to, ReplyTo: to, Subject: subject, Text: "body"}
		if m.Check() != nil {
			return
		}
		q := open(t, parts(t, b, over))
		send(t, b, q, m)
		sweep(t, q, 1, 0, 0)
		over.mu.Lock()
		e := over.got[0]
		over.got = nil
		over.mu.Unlock()
		got := platformtest.ReadMail(t, e.Content)
		single := strings.Join(strings.FieldsFunc(subject, func(r rune) bool { return r == ' ' }), " ")
		if want := spelled(to); got.To != want || got.ReplyTo != want || got.Subject != single || strings.TrimSpace(got.Text) != "body" {
			t.Errorf("to %q reply-to %q subject %q (want %q) text %q", got.To, got.ReplyTo, got.Subject, single, got.Text)
		}
		if n := len(got.Header); n != 10 {
			t.Errorf("%d headers: %v", n, got.Header)
		}
	})
}

// spelled is the address as headers say it: with its domain in ASCII, unless what is before
// it is not.
func spelled(address string) string {
	at := strings.LastIndexByte(address, '@')
	if strings.ContainsFunc(address[:at], func(r rune) bool { return r >= 0x80 }) || !strings.ContainsFunc(address, func(r rune) bool { return r >= 0x80 }) {
		return address
	}
	domain, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		return address
	}
	return address[:at+1] + domain
}
