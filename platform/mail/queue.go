package mail

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/jobs"
)

// Parts are what a queue is made of. All but Metrics are required.
type Parts struct {
	DB    *database.DB
	Clock clock.Clock
	IDs   id.Source
	// Keys seal the messages at rest.
	Keys      *crypto.Keyring
	Rand      io.Reader
	Jobs      *jobs.Client
	Bus       *events.Bus
	Transport Transport
	Log       *slog.Logger
	// Metrics takes the metrics; nil means none.
	Metrics prometheus.Registerer
}

// Settings say who sends, and how patiently.
type Settings struct {
	// From is the sender: an address, with or without a name.
	From string
	// PublicURL is the address of the installation, whose host names it in Message-IDs.
	PublicURL string
	// Disabled means that mails are neither kept nor delivered.
	Disabled bool
	// Timeout bounds one attempt; zero means 30 s. A lease is longer by what it takes to
	// record the outcome.
	Timeout time.Duration
	// GiveUp is how old a mail gets before it is dead; zero means five days.
	GiveUp time.Duration
	// Keep is how long the rows of sent and dead mails stay; zero means a week.
	Keep time.Duration
}

const day = 24 * time.Hour

func (s Settings) withDefaults() Settings {
	if s.Timeout <= 0 {
		s.Timeout = 30 * time.Second
	}
	if s.GiveUp <= 0 {
		s.GiveUp = 5 * day
	}
	if s.Keep <= 0 {
		s.Keep = 7 * day
	}
	return s
}

// Queue is the [Outbox] that keeps mails in the database until they are delivered.
type Queue struct {
	parts    Parts
	settings Settings
	from     *mail.Address
	host     string
	sealer   *crypto.Sealer
	// recipients are the keys under which recipients are hashed, the newest first.
	recipients [][32]byte
	store      store
	inspect    inspection
	metrics    metrics
	// slots bounds the deliveries at work in this process, so that a mail server that
	// hangs does not keep other jobs from running.
	slots   chan struct{}
	under   *background
	dropped dropped
}

var _ Outbox = (*Queue)(nil)

// New returns a queue. It does no I/O. Its error is a sender or an address of the
// installation that is none.
func New(p Parts, s Settings) (*Queue, error) {
	s = s.withDefaults()
	from, err := mail.ParseAddress(s.From)
	if err != nil || strings.ContainsFunc(s.From, breaksLine) {
		return nil, fmt.Errorf("mail: the sender %q is no address", s.From)
	}
	host := hostOf(s.PublicURL)
	if host == "" {
		return nil, fmt.Errorf("mail: the address of the installation %q has no host", s.PublicURL)
	}
	parallel := 4
	if p.DB.Dialect() == database.SQLite {
		parallel = 2
	}
	return &Queue{
		parts: p, settings: s, from: from, host: right(host), sealer: crypto.NewSealer(p.Keys, "mail", p.Rand), recipients: p.Keys.DeriveAll("mail recipient"),
		store: newStore(p.DB), inspect: newInspection(p.DB), metrics: newMetrics(p.Metrics), slots: make(chan struct{}, parallel), under: newBackground(),
	}, nil
}

// right returns the host as the right side of a Message-ID, where an address of IPv6 is a
// literal (RFC 5322 §3.6.4).
func right(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// Send keeps the mail in tx and has it delivered after the commit. Its error is that of the
// database, or that m is no message: see [Message.Check].
func (q *Queue) Send(ctx context.Context, tx bun.Tx, m Message) error {
	if err := m.Check(); err != nil {
		return err
	}
	if q.settings.Disabled {
		q.drop(ctx, m)
		return nil
	}
	mailID, now := q.parts.IDs.New(), database.Canonical(q.parts.Clock.Now())
	e := Envelope{ID: mailID, Purpose: m.Purpose, MessageID: "<" + mailID + "@" + q.host + ">", Date: now}
	// What cannot be rendered is the sender's to know, not a dead letter.
	if _, err := q.render(e, m); err != nil {
		return fmt.Errorf("mail: render %s: %w", m.Purpose, err)
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("mail: write %s: %w", m.Purpose, err)
	}
	sealed, err := q.sealer.Seal(plain, []byte(mailID))
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if err := q.store.insert(ctx, tx, e, recipient(q.recipients[0], m.To), sealed); err != nil {
		return fmt.Errorf("mail: keep %s: %w", m.Purpose, err)
	}
	if err := q.parts.Jobs.Enqueue(ctx, tx, wake{MailID: mailID}); err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	database.AfterCommit(ctx, func(context.Context) { q.metrics.count(m.Purpose, queued) })
	return nil
}
