package mail_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

// queueTo returns a queue that delivers to the server, and its log.
func queueTo(t *testing.T, b platformtest.Backend, server *platformtest.MailServer) (*mail.Queue, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	p := parts(t, b, mail.NewSMTP(to(server)))
	p.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return open(t, p), &log
}

// scripted answers at one step, as often as it is told.
func scripted(command string, times int, answer error) platformtest.Script {
	var mu sync.Mutex
	return func(s platformtest.Step) error {
		mu.Lock()
		defer mu.Unlock()
		if s.Command != command || times == 0 {
			return nil
		}
		times--
		return answer
	}
}

// What a server says decides what becomes of the mail, and its words go nowhere.
func TestSMTPAnswers(t *testing.T) {
	t.Parallel()
	words := "<" + reader + "> http://hush.example/" + token + " is hush-hush"
	answer := func(code int) error { return platformtest.Answer(code, words) }
	for name, tc := range map[string]struct {
		command string
		times   int
		answer  error
		state   string // after the first attempt
		reason  string
	}{
		"taken":                 {"MAIL", 0, nil, "sent", ""},
		"greylisted":            {"RCPT", 3, answer(451), "waiting", "RCPT: the mail server answered 451 4.0.0"},
		"full":                  {"RCPT", 1, answer(452), "waiting", "RCPT: the mail server answered 452 4.0.0"},
		"closing":               {"MAIL", 1, answer(421), "waiting", "MAIL: the mail server answered 421 4.0.0"},
		"busy after the mail":   {"END", 1, answer(451), "waiting", "message: the mail server answered 451 4.0.0"},
		"unknown recipient":     {"RCPT", -1, answer(550), "dead", "RCPT: the mail server answered 550 5.0.0"},
		"unwelcome sender":      {"MAIL", -1, answer(553), "dead", "MAIL: the mail server answered 553 5.0.0"},
		"unwelcome mail":        {"END", -1, answer(554), "dead", "message: the mail server answered 554 5.0.0"},
		"not signed in":         {"MAIL", 1, answer(530), "waiting", "MAIL: the mail server answered 530 5.0.0"},
		"password refused late": {"MAIL", 1, answer(535), "waiting", "MAIL: the mail server answered 535 5.0.0"},
		"no greeting":           {"EHLO", 2, answer(554), "waiting", "EHLO: the mail server answered 502 5.5.1"},
		"gone at RCPT":          {"RCPT", 2, platformtest.ErrDrop, "waiting", "RCPT: the mail server closed the connection"},
		"gone at the message":   {"DATA", 2, platformtest.ErrDrop, "waiting", "message: the mail server closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := platformtest.SQLite(t)
			server := platformtest.SMTPServer(t, platformtest.Behaviour{Script: scripted(tc.command, tc.times, tc.answer)})
			q, log := queueTo(t, b, server)
			dead := listen(b)
			send(t, b, q, letter())
			if _, err := q.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := rows(t, b)[0]
			if got.State != tc.state || (got.LastError != tc.reason && !strings.HasPrefix(tc.reason, "EHLO")) {
				t.Errorf("row %+v", got)
			}
			for range 5 {
				b.Clock.Advance(10 * time.Second)
				if _, err := q.Sweep(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			want, mails := "sent", 1
			if tc.state == "dead" {
				want, mails = "dead", 0
			}
			if got := rows(t, b)[0]; got.State != want || len(server.Mails()) != mails {
				t.Errorf("%d mails, row %+v", len(server.Mails()), got)
			}
			if tc.state == "dead" {
				if len(dead.all) != 1 || dead.all[0].Action != mail.ActionDead || dead.all[0].Metadata["reason"] != tc.reason {
					t.Errorf("facts %+v", dead.all)
				}
			} else if len(dead.all) != 0 {
				t.Errorf("facts %+v", dead.all)
			}
			for _, secret := range []string{reader, token, "hush", "writer"} {
				if strings.Contains(log.String()+got.LastError+fmt.Sprint(dead.all), secret) {
					t.Errorf("%s is told: %s", secret, log)
				}
			}
		})
	}
}

// A server that takes the mail and is gone before it says so gets it again, as the same.
func TestSMTPRepeatsRecognisably(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	server := platformtest.SMTPServer(t, platformtest.Behaviour{Script: scripted("END", 2, platformtest.ErrDrop)})
	q, _ := queueTo(t, b, server)
	send(t, b, q, letter())
	for _, sent := range []int64{0, 0, 1, 0} {
		b.Clock.Advance(10 * time.Second)
		report, err := q.Sweep(t.Context())
		if err != nil || report["sent"] != sent {
			t.Errorf("%v, %v", report, err)
		}
	}
	got := server.Mails()
	if len(got) != 3 {
		t.Fatalf("%d mails", len(got))
	}
	for _, m := range got {
		read := platformtest.ReadMail(t, m.Raw)
		if !bytes.Equal(m.Raw, got[0].Raw) || !strings.HasSuffix(read.Header.Get("Message-Id"), "@auth.example.com>") {
			t.Errorf("a repetition differs: %q", read.Header)
		}
	}
}

// Whatever is put into a field, the raw message has the headers it should and no other,
// and goes to the one recipient.
func TestSMTPHeaders(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	server := platformtest.SMTPServer(t, platformtest.Behaviour{})
	q, _ := queueTo(t, b, server)
	c := composer(t, mail.Brand{})
	taken := 0
	for _, bad := range []string{
		"\r\nBcc: bob@evil.example", "\nBcc: bob@evil.example", "\rBcc: bob@evil.example", "\u2028Bcc: bob@evil.example", "\u2029Bcc: bob@evil.example",
		"\u0085Bcc: bob@evil.example", "\x00Bcc: bob@evil.example", "\x0bBcc: bob@evil.example", "Bcc: bob@evil.example", ", bob@evil.example", "\r\n\r\nBcc: bob@evil.example",
		"\r\n.\r\nMAIL FROM:<x@evil.example>\r\n", "%0d%0aBcc: bob@evil.example", "=?utf-8?q?=0d=0aBcc:_bob@evil.example?=", "> SIZE=1\r\nRCPT TO:<bob@evil.example>", "\u560d\u560aBcc: bob@evil.example",
	} {
		for field, put := range map[string]func(l *mail.Letter){
			"to":       func(l *mail.Letter) { l.To += bad },
			"to first": func(l *mail.Letter) { l.To = bad + l.To },
			"reply-to": func(l *mail.Letter) { l.ReplyTo += bad },
			"subject":  func(l *mail.Letter) { l.Subject += bad },
			"heading":  func(l *mail.Letter) { l.Heading += bad },
			"line":     func(l *mail.Letter) { l.Lines = append(l.Lines, bad) },
			"label":    func(l *mail.Letter) { l.Action.Label += bad },
			"link":     func(l *mail.Letter) { l.Action.URL += bad },
			"note":     func(l *mail.Letter) { l.Notes = append(l.Notes, bad) },
			"purpose":  func(l *mail.Letter) { l.Purpose += bad },
		} {
			l := invitation()
			put(&l)
			m, err := c.Compose(l)
			if err == nil {
				err = b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return q.Send(ctx, tx, m) })
			}
			// A message that a module made without the composer is held to the same.
			raw := letter()
			raw.To, raw.ReplyTo, raw.Subject = l.To, l.ReplyTo, l.Subject
			if composed := err == nil; composed != (raw.Check() == nil) && (field == "to" || field == "to first" || field == "reply-to" || field == "subject") {
				t.Errorf("%s %q: composed %v, raw %v", field, bad, err, raw.Check())
			}
			if err != nil {
				if field == "line" || field == "note" {
					t.Errorf("%s: a text is refused: %v", field, err)
				}
				continue
			}
			taken++
			sweep(t, q, 1, 0, 0)
			got := server.Mails()[len(server.Mails())-1]
			if got.To != reader || got.From != "no-reply@auth.example.com" {
				t.Errorf("%s %q: from %q to %q", field, bad, got.From, got.To)
			}
			clean(t, field+" "+bad, got.Raw)
		}
	}
	if got := len(server.Mails()); got != taken || taken < 40 {
		t.Errorf("%d mails of %d", got, taken)
	}
	for _, step := range server.Steps() {
		if step.Command == "RCPT" && step.To != reader {
			t.Errorf("a recipient %q", step.To)
		}
	}
}

// clean expects each header once, and none that was not meant.
func clean(t *testing.T, what string, raw []byte) {
	t.Helper()
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	want := map[string]bool{
		"From": true, "To": true, "Reply-To": true, "Subject": true, "Date": true, "Message-Id": true, "Mime-Version": true,
		"Content-Type": true, "Auto-Submitted": true,
	}
	for name, values := range m.Header {
		if !want[name] || len(values) != 1 {
			t.Errorf("%s: header %s %q", what, name, values)
		}
	}
	for _, name := range []string{"To", "Reply-To", "From"} {
		if list, err := m.Header.AddressList(name); err != nil || len(list) != 1 {
			t.Errorf("%s: %s is %v, %v", what, name, list, err)
		}
	}
}

// A server that is down delays the mails of its absence and loses none.
func TestSMTPDownAndUp(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, nil, func(t *testing.T, b platformtest.Backend) {
		const mails = 200
		server := platformtest.SMTPServer(t, platformtest.Behaviour{})
		server.Down()
		q, _ := queueTo(t, b, server)
		for i := range mails {
			m := letter()
			m.To = fmt.Sprintf("reader%d@example.com", i)
			send(t, b, q, m)
		}
		for range 10 {
			if report, err := q.Sweep(t.Context()); err != nil || report["sent"] != 0 || report["dead"] != 0 {
				t.Fatalf("%v, %v", report, err)
			}
			b.Clock.Advance(10 * time.Second)
		}
		server.Do(scripted("RCPT", 20, platformtest.Answer(451, "not so fast")))
		server.Up()
		platformtest.Eventually(t, 60*time.Second, "all mails", func() bool {
			b.Clock.Advance(10 * time.Second)
			if _, err := q.Sweep(t.Context()); err != nil {
				t.Error(err)
			}
			return len(server.Mails()) >= mails
		})
		sweep(t, q, 0, 0, 0)
		seen := map[string]int{}
		for _, m := range server.Mails() {
			seen[m.To]++
		}
		if len(seen) != mails || len(server.Mails()) != mails {
			t.Errorf("%d mails to %d readers", len(server.Mails()), len(seen))
		}
		for _, r := range rows(t, b) {
			if r.State != "sent" || r.Message != nil {
				t.Errorf("row %+v", r)
			}
		}
	})
}

// Headers of any script arrive, and those of a domain need nothing of the server.
func TestSMTPScripts(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	server := platformtest.SMTPServer(t, platformtest.Behaviour{})
	q, _ := queueTo(t, b, server)
	for _, tc := range []struct {
		to, reply, wantTo, wantReply string
		unicode                      bool
	}{
		{"zoe@bücher.example", "ann@例え.example", "zoe@xn--bcher-kva.example", "ann@xn--r8jz45g.example", false},
		{"zoë@bücher.example", "ann@example.com", "zoë@bücher.example", "ann@example.com", true},
		{"zoe@example.com", "ann.ü@example.com", "zoe@example.com", "ann.ü@example.com", true},
	} {
		m := letter()
		m.To, m.ReplyTo = tc.to, tc.reply
		send(t, b, q, m)
		sweep(t, q, 1, 0, 0)
		last := server.Mails()[len(server.Mails())-1]
		if got := platformtest.ReadMail(t, last.Raw); got.To != tc.wantTo || got.ReplyTo != tc.wantReply || got.Subject != m.Subject || last.Unicode != tc.unicode {
			t.Errorf("to %q reply-to %q subject %q unicode %v", got.To, got.ReplyTo, got.Subject, last.Unicode)
		}
	}
}

// Disabled mails are checked, and then forgotten.
func TestDisabled(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t)
	over := &spy{}
	send(t, b, open(t, parts(t, b, over)), letter()) // left from before
	var log bytes.Buffer
	p := parts(t, b, over)
	p.Log = slog.New(slog.NewTextHandler(&log, nil))
	s := settings()
	s.Disabled = true
	q, err := mail.New(p, s)
	if err != nil {
		t.Fatal(err)
	}
	other := letter()
	other.Purpose = "test.other"
	before := b.Statements()
	for _, m := range []mail.Message{letter(), letter(), other} {
		send(t, b, q, m)
	}
	if n := b.Statements() - before; n != 0 {
		t.Errorf("%d statements", n)
	}
	bad := letter()
	bad.Subject = "x\ny"
	if err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return q.Send(ctx, tx, bad) }); err == nil {
		t.Error("a bad message is taken")
	}
	sweep(t, q, 0, 0, 0)
	if got := rows(t, b); len(got) != 1 || got[0].State != "waiting" || len(over.all()) != 0 {
		t.Errorf("rows %+v, %d mails", got, len(over.all()))
	}
	if n := strings.Count(log.String(), "mails are disabled"); n != 2 || strings.Contains(log.String(), reader) {
		t.Errorf("the log says %s", &log)
	}
}
