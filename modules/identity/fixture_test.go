package identity_test

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	migrations "github.com/authy2/backend/migrations/identity"
	"github.com/authy2/backend/migrations/identitymfa"
	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/migrate"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/privacy"
	"github.com/authy2/backend/platform/ratelimit"
	"github.com/authy2/backend/platform/secret"
)

const (
	ann         = "ann@example.com"
	goodPass    = "correct horse battery"
	anotherPass = "violet harbour 7 tandem"
)

func lines() []migrate.Line {
	return []migrate.Line{{Name: "identity", FS: migrations.FS}, {Name: "identity_mfa", FS: identitymfa.FS}}
}

// issuer is a small sessions module: it holds sessions in memory, asks the status gate and
// records sign-ins like the real one, and hears what ends sessions.
type issuer struct {
	directory *identity.Directory
	tokens    *crypto.Tokens
	clock     clock.Clock
	refuse    error // what CompleteSignIn answers after it has written
	off       bool

	mu       sync.Mutex
	sessions map[string]*authn.Principal
	ended    []events.CredentialChanged
	proved   []events.AddressProved
	gone     []events.UserDeleted
}

func (i *issuer) Enabled() bool { return !i.off }

func (i *issuer) CompleteSignIn(ctx context.Context, tx bun.Tx, a authn.Attempt) (authn.Outcome, error) {
	d, err := identity.NewStatusGate().Check(ctx, tx, a)
	if err != nil || d.Verdict != authn.Continue {
		return authn.Outcome{}, d.Err
	}
	now := i.clock.Now()
	account, err := i.directory.RecordSignIn(ctx, tx, a.Account.UserID, now, a.Client)
	if err != nil {
		return authn.Outcome{}, err
	}
	if account.CredentialVersion != a.Account.CredentialVersion {
		return authn.Outcome{}, apperr.ErrAuthentication
	}
	if i.refuse != nil {
		return authn.Outcome{}, i.refuse
	}
	token := i.tokens.New()
	s := &authn.IssuedSession{
		ID: id.Generator{}.New(), Token: token, ExpiresAt: now.Add(15 * time.Minute), AbsoluteExpiresAt: now.Add(8 * time.Hour), Account: account,
	}
	database.AfterCommit(ctx, func(context.Context) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.sessions[token.Reveal()] = &authn.Principal{
			SessionID: s.ID, UserID: account.UserID, Account: account, AuthMethods: []string{authn.MethodPassword},
			AuthenticatedAt: i.clock.Now(), FreshFor: 5 * time.Minute,
		}
	})
	return authn.Outcome{Session: s}, nil
}

func (i *issuer) Authenticate(ctx context.Context, token string) (*authn.Principal, error) {
	i.mu.Lock()
	held, ok := i.sessions[token]
	i.mu.Unlock()
	if !ok {
		return nil, apperr.ErrInvalidToken
	}
	account, err := i.directory.Account(ctx, held.UserID)
	if err != nil {
		return nil, apperr.ErrInvalidToken.Wrap(err)
	}
	p := *held
	p.Account = account
	return &p, nil
}

// end forgets the sessions of a user but one, once tx is committed.
func (i *issuer) end(ctx context.Context, userID, keep string) {
	database.AfterCommit(ctx, func(context.Context) {
		i.mu.Lock()
		defer i.mu.Unlock()
		for token, p := range i.sessions {
			if p.UserID == userID && p.SessionID != keep {
				delete(i.sessions, token)
			}
		}
	})
}

func (i *issuer) subscriptions() []events.Subscription {
	return []events.Subscription{
		events.On("test.end_sessions", func(ctx context.Context, _ bun.Tx, e events.CredentialChanged) error {
			i.mu.Lock()
			i.ended = append(i.ended, e)
			i.mu.Unlock()
			i.end(ctx, e.UserID, e.KeepSessionID)
			return nil
		}),
		events.On("test.hear_proof", func(_ context.Context, _ bun.Tx, e events.AddressProved) error {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.proved = append(i.proved, e)
			return nil
		}),
		events.On("test.forget_user", func(ctx context.Context, _ bun.Tx, e events.UserDeleted) error {
			database.AfterCommit(ctx, func(context.Context) {
				i.mu.Lock()
				defer i.mu.Unlock()
				i.gone = append(i.gone, e)
			})
			i.end(ctx, e.UserID, "")
			return nil
		}),
	}
}

// facts remembers what was committed for the audit trail.
type facts struct {
	mu  sync.Mutex
	all []events.Fact
}

func (f *facts) hear(ctx context.Context, _ bun.Tx, fact events.Fact) error {
	database.AfterCommit(ctx, func(context.Context) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.all = append(f.all, fact)
	})
	return nil
}

// last returns the newest fact.
func (f *facts) last(t testing.TB) events.Fact {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.all) == 0 {
		t.Fatal("no fact was recorded")
	}
	fact := f.all[len(f.all)-1]
	if !slices.Contains(identity.Actions(), fact.Action) {
		t.Errorf("the action %s is not declared", fact.Action)
	}
	return fact
}

// count returns how many facts of an action there are.
func (f *facts) count(action string, success bool) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fact := range f.all {
		if fact.Action == action && fact.Success == success {
			n++
		}
	}
	return n
}

// house is the module on one backend.
type house struct {
	platformtest.Backend
	*identity.Service
	directory *identity.Directory
	registrar *identity.Registrar
	postman   *identity.Postman
	trap      *platformtest.MailTrap
	issuer    *issuer
	facts     *facts
	log       *invalidation.Log
	rehasher  *identity.Rehasher
	passwords *crypto.Passwords
}

// setup is what a test changes about a house.
type setup struct {
	cost     int
	guarded  bool
	config   identity.Config
	issuer   *issuer
	ids      id.Source
	guards   identity.DeletionGuards
	deaf     bool
	tokens   *crypto.Tokens
	policies ratelimit.Policies
	limited  bool
	noMail   bool
}

func newHouse(t testing.TB, b platformtest.Backend, changes ...func(*setup)) *house {
	t.Helper()
	s := setup{cost: 4, config: identity.DefaultConfig(), ids: id.Generator{}, tokens: crypto.NewTokens(rand.Reader), policies: ratelimit.DefaultPolicies()}
	s.issuer = &issuer{clock: b.Clock, sessions: map[string]*authn.Principal{}}
	for _, change := range changes {
		change(&s)
	}
	passwords := crypto.NewPasswords(s.cost, 2, clock.System{}, b.Log, nil)
	rules, err := identity.NewRules(s.config)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Backend: b, facts: &facts{}, issuer: s.issuer, passwords: passwords}
	h.rehasher = identity.NewRehasher(b.DB, passwords, b.Log)
	h.directory = identity.NewDirectory(identity.Extent{SecondFactors: true, Policies: true}, b.DB, passwords, h.rehasher)
	h.registrar = identity.NewRegistrar(b.DB, b.Clock, s.ids, passwords, rules, b.Bus)
	h.log = invalidation.New(b.DB, clock.System{}, slog.New(slog.DiscardHandler), invalidation.Settings{})
	h.issuer.directory, h.issuer.tokens = h.directory, s.tokens
	exports := privacy.NewRegistry()
	if err := exports.Add(h.directory.Exporter()); err != nil {
		t.Fatal(err)
	}
	guard := ratelimit.NewGuard(ratelimit.NewMemoryGrowing(b.Clock), cache.NewMemoryStore(b.Clock), [32]byte{}, s.guarded).WithPolicies(s.policies)
	h.trap = platformtest.Outbox(t, b)
	h.postman = newPostman(t, h, s)
	h.Service = identity.NewService(identity.Parts{
		Config: s.config, Postman: h.postman, DB: b.DB, Clock: b.Clock, IDs: s.ids, Passwords: passwords, Rules: rules, Bus: b.Bus, Invalidation: h.log,
		Guard: guard, Issuer: h.issuer, Guards: s.guards, Exports: exports, Log: b.Log,
	})
	if !s.deaf {
		b.Bus.Subscribe(b.Jobs, append(h.issuer.subscriptions(), events.On("test.hear_facts", h.facts.hear))...)
		b.Bus.Subscribe(b.Jobs, identity.Subscriptions(h.Service)...)
	}
	for _, part := range []interface {
		Start(context.Context) error
		Stop(context.Context) error
	}{passwords, rules, h.log, h.rehasher} {
		if err := part.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = part.Stop(context.Background()) })
	}
	return h
}

// newPostman returns a postman whose mails the test fetches.
func newPostman(t testing.TB, h *house, s setup) *identity.Postman {
	t.Helper()
	limiter, err := ratelimit.NewLimiter(identity.Limits(), nil, ratelimit.Settings{Enabled: s.limited})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := crypto.ParseKeyring(secret.New(strings.Repeat("3c", 32)))
	if err != nil {
		t.Fatal(err)
	}
	composer, err := mail.NewComposer(mail.Brand{Name: "Acme ID"})
	if err != nil {
		t.Fatal(err)
	}
	return identity.NewPostman(identity.PostmanParts{
		Config: s.config, DB: h.DB, Clock: h.Clock, IDs: id.Generator{}, Bus: h.Bus, Limiter: limiter, Tokens: s.tokens, Composer: composer,
		Outbox: h.trap, Keys: keys, Sealing: keys, Rand: rand.Reader, Log: h.Log, PublicURL: "https://id.example.com", MailDisabled: s.noMail,
	})
}

// mails writes and delivers what waits, and returns it.
func (h *house) mails(t testing.TB) []platformtest.Mail {
	t.Helper()
	if _, err := h.postman.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h.trap.Deliver(t.Context())
}

// tokenForm finds the token in a link.
var tokenForm = regexp.MustCompile(`https://id\.example\.com/(?:verify-email|reset-password)\?token=([\w-]{43})\n`)

// tokenIn returns the token that the one mail brings.
func tokenIn(t testing.TB, mails []platformtest.Mail, purpose identity.Purpose, to string) string {
	t.Helper()
	for _, m := range mails {
		if m.Purpose != "identity."+string(purpose) || m.To != to {
			continue
		}
		found := tokenForm.FindStringSubmatch(m.Text)
		if found == nil {
			t.Fatalf("no link in the mail:\n%s", m.Text)
		}
		return found[1]
	}
	t.Fatalf("of %d mails none is a %s to %s", len(mails), purpose, to)
	return ""
}

// forgot asks for a recovery and returns its token.
func (h *house) forgot(t testing.TB, email string) string {
	t.Helper()
	if err := h.RequestReset(t.Context(), email, client()); err != nil {
		t.Fatal(err)
	}
	return tokenIn(t, h.mails(t), identity.PurposeReset, email)
}

// reset is a new password by a token.
func reset(token, password string) identity.Reset {
	return identity.Reset{Token: token, Password: secret.New(password), Confirm: secret.New(password), Client: client()}
}

// client is where the tests call from.
func client() authn.Client { return authn.Client{Address: netip.MustParseAddr("203.0.113.7")} }

// registration is one that succeeds.
func registration(email, password string) identity.Registration {
	return identity.Registration{
		Email: email, Password: secret.New(password), Confirm: secret.New(password), FullName: "Ann Example", Client: client(),
	}
}

// register adds a user and returns them with the principal of their session.
func (h *house) register(t testing.TB, email, password string) (identity.Registered, *authn.Principal) {
	t.Helper()
	done, err := h.Register(t.Context(), registration(email, password))
	if err != nil {
		t.Fatalf("register %s: %v", email, err)
	}
	p := &authn.Principal{UserID: done.Account.UserID, Account: done.Account}
	if done.Session != nil {
		p.SessionID = done.Session.ID
	}
	return done, p
}

// check checks a password.
func (h *house) check(t testing.TB, email, password string) (authn.Account, error) {
	t.Helper()
	return h.directory.CheckPassword(t.Context(), email, secret.New(password))
}

// signIn completes a sign-in and returns its session.
func (h *house) signIn(t testing.TB, email, password string) *authn.IssuedSession {
	t.Helper()
	account, err := h.check(t, email, password)
	if err != nil {
		t.Fatalf("check the password of %s: %v", email, err)
	}
	var out authn.Outcome
	err = h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		out, err = h.issuer.CompleteSignIn(ctx, tx, authn.Attempt{Account: account, Flow: authn.FlowPassword, Client: client()})
		return err
	})
	if err != nil {
		t.Fatalf("sign %s in: %v", email, err)
	}
	return out.Session
}

// value reads one value of a user's row.
func value[T any](t testing.TB, h *house, column, userID string) (v T) {
	t.Helper()
	err := h.DB.Read().NewSelect().Table("identity_users").Column(column).Where("id = ?", userID).Scan(t.Context(), &v)
	if err != nil {
		t.Fatalf("read %s: %v", column, err)
	}
	return v
}

// count counts rows.
func count(t testing.TB, h *house, table string) int {
	t.Helper()
	n, err := h.DB.Read().NewSelect().Table(table).Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// setHash stores a hash for a user.
func setHash(t testing.TB, h *house, userID, hash string) {
	t.Helper()
	err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Table("identity_users").Set("password_hash = ?", hash).Where("id = ?", userID).Exec(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// principalOf is the owner of an account, signed in somewhere.
func principalOf(a authn.Account) *authn.Principal {
	return &authn.Principal{UserID: a.UserID, Account: a}
}

// completeSignIn completes the sign-in of an account whose password was checked.
func (h *house) completeSignIn(t testing.TB, account authn.Account) error {
	t.Helper()
	return h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := h.issuer.CompleteSignIn(ctx, tx, authn.Attempt{Account: account, Flow: authn.FlowPassword, Client: client()})
		return err
	})
}
