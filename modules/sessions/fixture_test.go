package sessions_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"

	migrations "github.com/authy2/backend/migrations/sessions"
	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/ratelimit"
	"github.com/authy2/backend/platform/secret"
)

const (
	bob         = "bob@acme-corp.com"
	carol       = "carol@acme-corp.com"
	bobPassword = "UserPass123!"
)

// lines are the migrations that the tests run on.
func lines() []migrate.Line { return []migrate.Line{{Name: "sessions", FS: migrations.FS}} }

// people is an identity in memory: it knows users and their passwords.
type people struct {
	mu      sync.Mutex
	byEmail map[string]*person
	// recording, when set, is called by RecordSignIn before it looks.
	recording func()
	reads     int
}

type person struct {
	account  authn.Account
	password string
}

func newPeople() *people {
	p := &people{byEmail: map[string]*person{}}
	p.add(bob, bobPassword)
	p.add(carol, "UserPass123!")
	return p
}

func (p *people) add(email, password string) authn.Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	userID := id.Generator{}.New()
	a := authn.Account{
		UserID: userID, Email: email, EmailVerified: true, Status: "active", ETag: `"1"`, CredentialVersion: 1,
		Profile: fmt.Appendf(nil, `{"id":%q,"email":%q,"email_verified":true,"full_name":"Bob Builder","avatar_url":null,`+
			`"status":"active","last_login_at":null,"last_login_ip":null,"created_at":"2026-11-01T08:00:00Z","updated_at":"2026-11-01T08:00:00Z"}`, userID, email),
	}
	p.byEmail[email] = &person{account: a, password: password}
	return a
}

// change changes a user, as somebody would who holds their row.
func (p *people) change(email string, change func(*authn.Account)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.byEmail[email].account)
}

func (p *people) remove(email string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.byEmail, email)
}

func (p *people) account(email string) authn.Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byEmail[email].account
}

func (p *people) CheckPassword(_ context.Context, email string, password secret.String) (authn.Account, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found, ok := p.byEmail[strings.ToLower(email)]
	switch {
	case !ok:
		return authn.Account{}, apperr.ErrAuthentication
	case found.password != password.Reveal():
		return authn.Account{UserID: found.account.UserID}, apperr.ErrAuthentication
	default:
		return found.account, nil
	}
}

func (p *people) RecordSignIn(_ context.Context, _ bun.Tx, userID string, _ time.Time, _ authn.Client) (authn.Account, error) {
	if p.recording != nil {
		p.recording()
	}
	a, err := p.find(userID)
	if errors.Is(err, apperr.ErrNotFound) {
		return a, apperr.ErrAuthentication
	}
	return a, err
}

func (p *people) Account(_ context.Context, userID string) (authn.Account, error) {
	return p.find(userID)
}

func (p *people) find(userID string) (authn.Account, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	for _, found := range p.byEmail {
		if found.account.UserID == userID {
			return found.account, nil
		}
	}
	return authn.Account{}, apperr.ErrNotFound
}

// facts remembers what was published for the audit trail.
type facts struct {
	mu  sync.Mutex
	all []events.Fact
}

func (f *facts) hear(_ context.Context, _ bun.Tx, fact events.Fact) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, fact)
	return nil
}

func (f *facts) list() []events.Fact {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]events.Fact{}, f.all...)
}

// replica is one process of the system, as far as sessions are concerned.
type replica struct {
	*sessions.Service
	db       *database.DB
	log      *invalidation.Log
	cache    cache.Sliding
	clock    *platformtest.FakeClock
	people   *people
	bus      *events.Bus
	facts    *facts
	registry *prometheus.Registry
}

// setup is what a test changes about a replica.
type setup struct {
	config sessions.Config
	parts  sessions.Parts
	people *people
	clock  *platformtest.FakeClock
	// sleeping replicas do not follow the invalidation log.
	sleeping bool
}

func openGates() sessions.Gates {
	return sessions.Gates{
		Status: authn.NoGate{}, VerifiedEmail: authn.NoGate{}, EnforcedSSO: authn.NoGate{},
		SecondFactor: authn.NoGate{}, Compliance: authn.NoGate{},
	}
}

// newReplica starts a replica on the backend's stores. Several on one backend are
// several processes: each has an invalidation log of its own.
func newReplica(t testing.TB, b platformtest.Backend, changes ...func(*setup)) *replica {
	t.Helper()
	s := setup{config: sessions.DefaultConfig(), people: newPeople(), clock: b.Clock}
	s.parts = sessions.Parts{
		DB: b.DB, Cache: b.Sliding, IDs: id.Generator{}, Tokens: crypto.NewTokens(rand.Reader), Bus: events.NewBus(),
		Logger: slog.New(slog.DiscardHandler), Gates: openGates(),
		Standings: sessions.NoStandings{}, Compliance: authn.NoCompliance{}, Factors: sessions.NoFactors{},
		Guard: ratelimit.NewGuard(nil, b.Store, [32]byte{}, false),
	}
	for _, change := range changes {
		change(&s)
	}
	r := &replica{
		db: b.DB, cache: s.parts.Cache, clock: s.clock, people: s.people, bus: s.parts.Bus, facts: &facts{},
		registry: prometheus.NewRegistry(), log: invalidation.New(b.DB, clock.System{}, s.parts.Logger, invalidation.Settings{}),
	}
	s.parts.Clock, s.parts.Invalidation, s.parts.Metrics = r.clock, r.log, r.registry
	if s.parts.Credentials == nil {
		s.parts.Credentials, s.parts.Accounts = s.people, s.people
	}
	if err := r.log.Start(t.Context()); err != nil {
		t.Fatalf("invalidation log: %v", err)
	}
	if s.sleeping {
		_ = r.log.Stop(t.Context())
	}
	t.Cleanup(func() { _ = r.log.Stop(context.Background()) })
	var err error
	if r.Service, err = sessions.New(s.config, s.parts); err != nil {
		t.Fatalf("sessions: %v", err)
	}
	r.bus.Subscribe(b.Jobs, append(r.Subscriptions(), events.On("test.hear_facts", r.facts.hear))...)
	return r
}

// with lets a replica share what another one works with.
func with(other *replica) func(*setup) {
	return func(s *setup) { s.people, s.clock = other.people, other.clock }
}

// short are limits at which tests count in seconds.
func short(idle, absolute time.Duration) func(*setup) {
	return func(s *setup) { s.config.IdleTimeout, s.config.AbsoluteTimeout = idle, absolute }
}

// signIn gives a user a session and returns it with its token.
func (r *replica) signIn(t testing.TB, email string) *authn.IssuedSession {
	t.Helper()
	out, err := r.complete(t, authn.Attempt{Account: r.people.account(email), Flow: authn.FlowPassword, Methods: []string{"pwd"}})
	if err != nil || out.Session == nil {
		t.Fatalf("sign in as %s: %v", email, err)
	}
	return out.Session
}

func (r *replica) complete(t testing.TB, a authn.Attempt) (out authn.Outcome, err error) {
	t.Helper()
	err = r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		out, err = r.CompleteSignIn(ctx, tx, a)
		return err
	})
	return out, err
}

// accepts fails the test unless the token signs somebody in.
func (r *replica) accepts(t testing.TB, s *authn.IssuedSession) *authn.Principal {
	t.Helper()
	p, err := r.Authenticate(t.Context(), s.Token.Reveal())
	if err != nil {
		t.Fatalf("session %s was refused: %v", s.ID, err)
	}
	if p.SessionID != s.ID || p.UserID != s.Account.UserID || string(p.Account.Profile) == "" {
		t.Fatalf("session %s is recognised as %+v", s.ID, p)
	}
	return p
}

// refuses fails the test unless the token is refused with want.
func (r *replica) refuses(t testing.TB, s *authn.IssuedSession, want *apperr.Error) {
	t.Helper()
	if p, err := r.Authenticate(t.Context(), s.Token.Reveal()); !errors.Is(err, want) {
		t.Fatalf("session %s: got %v and %v, want %s", s.ID, p, err, want.Code())
	}
}

// publish publishes an event in a transaction of its own.
func (r *replica) publish(t testing.TB, e events.Event) {
	t.Helper()
	err := r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error { return r.bus.Publish(ctx, tx, e) })
	if err != nil {
		t.Fatalf("publish %s: %v", e.Name(), err)
	}
}

// changeUser changes a user as identity does: the change and its invalidation commit
// together.
func (r *replica) changeUser(t testing.TB, email string, change func(*authn.Account)) {
	t.Helper()
	r.people.change(email, change)
	userID := r.people.account(email).UserID
	err := r.db.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		return r.log.Record(ctx, tx, invalidation.Entry{Kind: invalidation.KindUser, Subject: userID})
	})
	if err != nil {
		t.Fatalf("record a change: %v", err)
	}
}

// record is what the tests look at of a row.
type record struct {
	Status         string     `bun:"status"`
	ExpiresAt      time.Time  `bun:"expires_at"`
	LastActivityAt time.Time  `bun:"last_activity_at"`
	RevokedAt      *time.Time `bun:"revoked_at"`
	RevokedReason  *string    `bun:"revoked_reason"`
}

// row returns the row of a session, or false when it is gone.
func (r *replica) row(t testing.TB, sessionID string) (record, bool) {
	t.Helper()
	var found []record
	err := r.db.Read().NewSelect().Table("sessions_sessions").
		Column("status", "expires_at", "last_activity_at", "revoked_at", "revoked_reason").Where("id = ?", sessionID).Scan(t.Context(), &found)
	if err != nil {
		t.Fatalf("read a row: %v", err)
	}
	if len(found) == 0 {
		return record{}, false
	}
	return found[0], true
}

// status returns the status of a session's row.
func (r *replica) status(t testing.TB, sessionID string) string {
	t.Helper()
	found, ok := r.row(t, sessionID)
	if !ok {
		return "gone"
	}
	return found.Status
}

// state returns what the cache holds under the session's key, without sliding it by
// more than the clock has moved.
func (r *replica) state(t testing.TB, s *authn.IssuedSession) cache.State {
	t.Helper()
	_, state, err := r.cache.Touch(t.Context(), r.KeyOf(s.Token.Reveal()), r.clock.Now())
	if err != nil {
		t.Fatalf("touch: %v", err)
	}
	return state
}

// lose makes the cache lose everything it knows of a session, tombstones included, as
// a flush does.
func (r *replica) lose(t testing.TB, b platformtest.Backend, s *authn.IssuedSession) {
	t.Helper()
	if b.Redis != nil {
		if err := b.Redis.FlushDB(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		return
	}
	// A memory cache goes by the caller's time, and drops what has ended by then.
	if _, _, err := r.cache.Touch(t.Context(), r.KeyOf(s.Token.Reveal()), s.AbsoluteExpiresAt.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := r.state(t, s); got != cache.Missing {
		t.Fatalf("the cache still says %d", got)
	}
}

func both(t *testing.T, fn func(t *testing.T, b platformtest.Backend)) {
	t.Helper()
	platformtest.Backends(t, lines(), fn)
}
