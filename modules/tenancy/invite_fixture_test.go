package tenancy_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

const password = "correct horse battery"

// counter makes accounts and sessions of newcomers as identity and sessions do.
type counter struct {
	people *crowd
	tokens *crypto.Tokens

	refuse error  // what CompleteSignIn answers after it has written
	meet   func() // called when an account was prepared

	mu       sync.Mutex
	accounts []authn.NewAccount // committed ones
	sessions []string           // tokens of committed ones
}

func (c *counter) PrepareAccount(_ context.Context, n authn.NewAccount) (authn.CreateAccount, error) {
	if len(n.Password.Reveal()) < 8 || n.Password.Reveal() != n.Confirm.Reveal() {
		return nil, apperr.Field("password", "It is not right.")
	}
	if c.meet != nil {
		c.meet()
	}
	userID := id.Generator{}.New()
	return func(ctx context.Context, tx bun.Tx) (authn.Account, error) {
		_, err := tx.NewRaw("INSERT INTO crowd_users (id, email) VALUES (?, ?)", userID, n.Email).Exec(ctx)
		if database.IsUnique(err, "") {
			return authn.Account{}, apperr.ErrConflict
		}
		if err != nil {
			return authn.Account{}, err
		}
		database.AfterCommit(ctx, func(context.Context) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.accounts = append(c.accounts, n)
		})
		return account(userID, n.Email), nil
	}, nil
}

func (*counter) PasswordLength() (shortest, longest int) { return 8, 128 }

func (c *counter) Enabled() bool { return true }

// CompleteSignIn wants to know what the user belongs to before it issues a session, because
// that shortens sessions.
func (c *counter) CompleteSignIn(ctx context.Context, tx bun.Tx, a authn.Attempt) (authn.Outcome, error) {
	n, err := tx.NewSelect().Table("tenancy_members").Where("user_id = ?", a.Account.UserID).Count(ctx)
	if err == nil && n != 1 {
		err = fmt.Errorf("a newcomer belongs to %d organizations when they are signed in", n)
	}
	if err == nil {
		err = c.refuse
	}
	if err != nil {
		return authn.Outcome{}, err
	}
	s := &authn.IssuedSession{ID: id.Generator{}.New(), Token: c.tokens.New(), ExpiresAt: time.Unix(2e9, 0).UTC(), Account: a.Account}
	database.AfterCommit(ctx, func(context.Context) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sessions = append(c.sessions, s.Token.Reveal())
	})
	return authn.Outcome{Session: s}, nil
}

func (c *counter) made() (accounts, sessions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.accounts), len(c.sessions)
}

func account(userID, email string) authn.Account {
	return authn.Account{
		UserID: userID, Email: email, Status: "active", ETag: `"1"`,
		Profile: fmt.Appendf(nil, `{"id":%q,"email":%q,"email_verified":true,"full_name":null,"avatar_url":null,"status":"active",`+
			`"last_login_at":null,"last_login_ip":null,"created_at":"2026-11-01T08:00:00Z","updated_at":"2026-11-01T08:00:00Z"}`, userID, email),
	}
}

// host is a house that mails invitations and makes accounts.
type host struct {
	*house
	trap    *platformtest.MailTrap
	counter *counter
}

func newHost(t testing.TB, b platformtest.Backend, changes ...func(*tenancy.Parts)) *host {
	t.Helper()
	h := &host{trap: platformtest.Outbox(t, b), counter: &counter{people: &crowd{b.DB}, tokens: crypto.NewTokens(rand.Reader)}}
	h.house = newHouse(t, b, append([]func(*tenancy.Parts){func(p *tenancy.Parts) {
		p.Outbox, p.Registrar, p.Issuer = h.trap, h.counter, h.counter
	}}, changes...)...)
	return h
}

// as is the principal of a user of the fixture.
func as(userID, name string) *authn.Principal {
	a := account(userID, name+"@example.com")
	return &authn.Principal{SessionID: id.Generator{}.New(), UserID: userID, Account: a, ExpiresAt: time.Unix(2e9, 0).UTC()}
}

// enter adds a user and returns their principal.
func (h *host) enter(t testing.TB, name string) *authn.Principal {
	t.Helper()
	return as(h.user(t, name), name)
}

var tokenForm = regexp.MustCompile(`/invite\?token=([A-Za-z0-9_-]{43})\n`)

// mailed delivers what is due, which is one mail to the name, and returns its token.
func (h *host) mailed(t testing.TB, name string) string {
	t.Helper()
	mails := h.trap.Deliver(t.Context())
	if len(mails) != 1 || mails[0].To != name+"@example.com" {
		t.Fatalf("%d mails were sent, want one to %s", len(mails), name)
	}
	found := tokenForm.FindStringSubmatch(mails[0].Text)
	if found == nil {
		t.Fatalf("no token in the mail:\n%s", mails[0].Text)
	}
	return found[1]
}

// invite invites the name and returns the invitation and its token.
func (h *host) invite(t testing.TB, p *authn.Principal, organizationID, name string, role tenancy.Role) (tenancy.Invite, string) {
	t.Helper()
	i, err := h.Invite(t.Context(), p, organizationID, tenancy.NewInvite{Email: strings.ToUpper(name) + "@Example.com", Role: role})
	if err != nil {
		t.Fatalf("invite %s: %v", name, err)
	}
	return i, h.mailed(t, name)
}

// accept accepts as somebody, or as a newcomer.
func (h *host) accept(t testing.TB, p *authn.Principal, token string) (tenancy.Accepted, error) {
	t.Helper()
	in := tenancy.Acceptance{Token: token, Principal: p}
	if p == nil {
		in.Password, in.Confirm, in.FullName = secret.New(password), secret.New(password), "New Comer"
	}
	return h.AcceptInvite(t.Context(), in)
}

// refused checks the code of accepting and looking at the token of an invitation that is over.
func (h *host) refused(t testing.TB, what string, p *authn.Principal, token, want string) {
	t.Helper()
	if _, err := h.accept(t, p, token); code(err) != want {
		t.Errorf("%s: accepting is %v, want %s", what, err, want)
	}
	if _, err := h.PreviewInvite(t.Context(), token); code(err) != want {
		t.Errorf("%s: looking is %v, want %s", what, err, want)
	}
}

// vanishing is a crowd in which one user cannot be held.
type vanishing struct {
	*crowd
	gone string
}

func (v *vanishing) HoldUser(ctx context.Context, tx bun.Tx, userID string) error {
	if userID == v.gone {
		return apperr.ErrNotFound
	}
	return v.crowd.HoldUser(ctx, tx, userID)
}
