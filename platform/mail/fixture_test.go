package mail_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

const (
	reader = "zoe.reader@example.com"
	token  = "s3cretTokenOfTheInvitation"
)

// letter is a mail with something in every field that must stay secret.
func letter() mail.Message {
	return mail.Message{
		Purpose: "test.invite", To: reader, ReplyTo: "ann.writer@example.com", Subject: "Grüße aus Köln: 招待状 zu „Bäume & Söhne“ und noch viel mehr Text, der umbrochen wird",
		Text: "Hallo Zoë,\n\nhttps://auth.example.com/accept?token=" + token + "\n.\n--\nEnde",
		HTML: `<p>Hallo Zoë, <a href="https://auth.example.com/accept?token=` + token + `">hier</a></p>`,
	}
}

// spy is a transport that keeps what it is given and does what the test says before.
type spy struct {
	mu    sync.Mutex
	got   []mail.Envelope
	onto  func(ctx context.Context, e mail.Envelope) error // nil succeeds
	fault error
}

func (s *spy) Deliver(ctx context.Context, e mail.Envelope) error {
	s.mu.Lock()
	s.got = append(s.got, e)
	do, fault := s.onto, s.fault
	s.mu.Unlock()
	if do != nil {
		return do(ctx, e)
	}
	return fault
}

func (s *spy) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = err
}

func (s *spy) do(fn func(ctx context.Context, e mail.Envelope) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onto = fn
}

func (s *spy) all() []mail.Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]mail.Envelope(nil), s.got...)
}

// keys returns a keyring of the given hexadecimal digits, newest first.
func keys(t *testing.T, digits ...string) *crypto.Keyring {
	t.Helper()
	var entries []string
	for _, d := range digits {
		entries = append(entries, "k"+d+":"+strings.Repeat(d, 64))
	}
	ring, err := crypto.ParseKeyring(secret.New(strings.Join(entries, ",")))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// parts returns the parts of a queue on b.
func parts(t *testing.T, b platformtest.Backend, over mail.Transport) mail.Parts {
	t.Helper()
	return mail.Parts{
		DB: b.DB, Clock: b.Clock, IDs: id.Generator{}, Keys: keys(t, "1"), Rand: rand.Reader, Jobs: b.Jobs, Bus: b.Bus,
		Transport: over, Log: slog.New(slog.DiscardHandler),
	}
}

func settings() mail.Settings {
	return mail.Settings{From: "Authy2 Tëst <no-reply@auth.example.com>", PublicURL: "https://auth.example.com:8443"}
}

// open returns a queue.
func open(t *testing.T, p mail.Parts) *mail.Queue {
	t.Helper()
	q, err := mail.New(p, settings())
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// send keeps the message in a transaction of its own.
func send(t *testing.T, b platformtest.Backend, q mail.Outbox, m mail.Message) {
	t.Helper()
	if err := b.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return q.Send(ctx, tx, m) }); err != nil {
		t.Fatal(err)
	}
}

// sweep expects a sweep with the given outcome.
func sweep(t *testing.T, q *mail.Queue, sent, deferred, dead int64) {
	t.Helper()
	got, err := q.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got["sent"] != sent || got["deferred"] != deferred || got["dead"] != dead {
		t.Errorf("the sweep says %v, want sent %d, deferred %d, dead %d", got, sent, deferred, dead)
	}
}

// row is what a test looks at.
type row struct {
	State     string
	Attempts  int
	LastError string
	Message   []byte
}

func rows(t *testing.T, b platformtest.Backend) []row {
	t.Helper()
	var all []row
	err := b.DB.Read().NewSelect().Table("platform_mails").Column("state", "attempts", "last_error", "message").Order("id").Scan(t.Context(), &all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// facts are the facts that were published on a backend's bus.
type facts struct {
	mu  sync.Mutex
	all []events.Fact
}

func listen(b platformtest.Backend) *facts {
	f := &facts{}
	b.Bus.Subscribe(b.Jobs, events.On("test.listen", func(_ context.Context, _ bun.Tx, e events.Fact) error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all = append(f.all, e)
		return nil
	}))
	return f
}

var errAway = errors.New("dial tcp: " + reader + " says no")
