package factor_test

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	migrations "github.com/authy2/backend/migrations/identity"
	"github.com/authy2/backend/migrations/identitymfa"
	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/clock"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/httpx"
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
	ann      = "ann@example.com"
	bob      = "bob@example.com"
	password = "correct horse battery"
	origin   = "https://auth.example.com"
)

func lines() []migrate.Line {
	return []migrate.Line{{Name: "identity", FS: migrations.FS}, {Name: "identity_mfa", FS: identitymfa.FS}}
}

// hall is a small sessions module: it holds sessions in memory, asks the gates and records
// sign-ins like the real one, and hears what ends sessions.
type hall struct {
	directory *identity.Directory
	gate      *factor.Gate
	tokens    *crypto.Tokens
	ids       id.Source
	clock     clock.Clock

	mu       sync.Mutex
	sessions map[string]*authn.Principal
}

func (*hall) Enabled() bool { return true }

func (h *hall) CompleteSignIn(ctx context.Context, tx bun.Tx, a authn.Attempt) (authn.Outcome, error) {
	for _, gate := range []authn.SignInGate{identity.NewStatusGate(), h.gate} {
		switch d, err := gate.Check(ctx, tx, a); {
		case err != nil:
			return authn.Outcome{}, err
		case d.Verdict == authn.ChallengeNeeded:
			return authn.Outcome{Challenge: d.Challenge}, nil
		case d.Verdict != authn.Continue:
			return authn.Outcome{}, d.Err
		}
	}
	now := h.clock.Now()
	account, err := h.directory.RecordSignIn(ctx, tx, a.Account.UserID, now, a.Client)
	if err != nil {
		return authn.Outcome{}, err
	}
	if account.CredentialVersion != a.Account.CredentialVersion {
		return authn.Outcome{}, apperr.ErrAuthentication
	}
	s := &authn.IssuedSession{ID: h.ids.New(), Token: h.tokens.New(), ExpiresAt: now.Add(15 * time.Minute), AbsoluteExpiresAt: now.Add(8 * time.Hour), Account: account}
	database.AfterCommit(ctx, func(context.Context) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.sessions[s.Token.Reveal()] = &authn.Principal{
			SessionID: s.ID, UserID: account.UserID, AuthMethods: a.Methods, AuthenticatedAt: now,
			ExpiresAt: s.ExpiresAt, AbsoluteExpiresAt: s.AbsoluteExpiresAt, Account: account,
		}
	})
	return authn.Outcome{Session: s}, nil
}

func (h *hall) Authenticate(ctx context.Context, token string) (*authn.Principal, error) {
	h.mu.Lock()
	held, ok := h.sessions[token]
	h.mu.Unlock()
	if !ok {
		return nil, apperr.ErrInvalidToken
	}
	account, err := h.directory.Account(ctx, held.UserID)
	if err != nil {
		return nil, apperr.ErrInvalidToken.Wrap(err)
	}
	p := *held
	p.Account, p.FreshFor = account, 8*time.Hour
	return &p, nil
}

// refresh has everybody proved just now who they are.
func (h *hall) refresh() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for token, p := range h.sessions {
		again := *p // requests read the one that was there
		again.AuthenticatedAt = h.clock.Now()
		h.sessions[token] = &again
	}
}

func (h *hall) ended(ctx context.Context, _ bun.Tx, e events.CredentialChanged) error {
	database.AfterCommit(ctx, func(context.Context) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for token, p := range h.sessions {
			switch {
			case p.UserID != e.UserID:
			case p.SessionID != e.KeepSessionID:
				delete(h.sessions, token)
			case e.Method != "":
				shown := *p // requests read the one that was there
				shown.AuthMethods = append(slices.Clone(p.AuthMethods), e.Method)
				h.sessions[token] = &shown
			}
		}
	})
	return nil
}

// loginBody and loginResult are those of sessions, as far as the tests need them.
type loginBody struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

type loginResult struct {
	Token   string   `json:"token,omitzero"`
	MFA     string   `json:"mfa_token,omitzero"`
	Methods []string `json:"methods,omitzero"`
}

// house is identity with second factors behind the real edge, on one backend.
type house struct {
	platformtest.Backend
	users    *identity.Service
	postman  *identity.Postman
	trap     *platformtest.MailTrap
	hall     *hall
	factors  *factor.Service
	handler  http.Handler
	mu       sync.Mutex
	recorded []events.Fact
}

// setup is what a test changes about a house.
type setup struct {
	guarded bool
	days    int
	ids     id.Source
	rand    io.Reader
}

func newHouse(t testing.TB, b platformtest.Backend, changes ...func(*setup)) *house {
	t.Helper()
	s := setup{ids: id.Generator{}, rand: rand.Reader}
	for _, change := range changes {
		change(&s)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	config := identity.DefaultConfig()
	passwords := crypto.NewPasswords(4, 2, clock.System{}, b.Log, nil)
	rules, err := identity.NewRules(config)
	must(err)
	keys, err := crypto.ParseKeyring(secret.New(strings.Repeat("3c", 32)))
	must(err)
	limiter, err := ratelimit.NewLimiter(identity.Module().Limits, nil, ratelimit.Settings{})
	must(err)
	composer, err := mail.NewComposer(mail.Brand{Name: "Acme ID"})
	must(err)
	h := &house{Backend: b, trap: platformtest.Outbox(t, b)}
	rehasher := identity.NewRehasher(b.DB, passwords, b.Log)
	tokens := crypto.NewTokens(s.rand)
	h.hall = &hall{
		directory: identity.NewDirectory(identity.Extent{SecondFactors: true}, b.DB, passwords, rehasher), gate: factor.NewGate(b.DB, tokens, b.Clock, s.ids), tokens: tokens, ids: s.ids,
		clock: b.Clock, sessions: map[string]*authn.Principal{},
	}
	log := invalidation.New(b.DB, clock.System{}, slog.New(slog.DiscardHandler), invalidation.Settings{})
	guard := ratelimit.NewGuard(ratelimit.NewMemoryGrowing(b.Clock), cache.NewMemoryStore(b.Clock), [32]byte{}, s.guarded)
	h.postman = identity.NewPostman(identity.PostmanParts{
		Config: config, DB: b.DB, Clock: b.Clock, IDs: s.ids, Bus: b.Bus, Limiter: limiter, Tokens: tokens, Composer: composer,
		Outbox: h.trap, Keys: keys, Sealing: keys, Rand: rand.Reader, Log: b.Log, PublicURL: origin,
	})
	h.users = identity.NewService(identity.Parts{
		Config: config, Postman: h.postman, DB: b.DB, Clock: b.Clock, IDs: s.ids, Passwords: passwords, Rules: rules, Bus: b.Bus, Invalidation: log,
		Guard: guard, Issuer: h.hall, Exports: privacy.NewRegistry(), Log: b.Log,
	})
	owners := identity.NewOwners(h.users)
	h.factors = factor.NewService(factor.Parts{
		Config: factor.Config{Issuer: "Acme ID", RememberFor: time.Duration(s.days) * 24 * time.Hour}, DB: b.DB, Clock: b.Clock, IDs: s.ids, Rand: s.rand,
		Tokens: tokens, Keys: keys, Bus: b.Bus, Guard: guard, Issuer: h.hall, Accounts: owners, Proof: owners, Credentials: owners, Notices: owners, Compliance: authn.NoCompliance{}, Log: b.Log,
	})
	b.Bus.Subscribe(b.Jobs, append(h.factors.Subscriptions(), events.On("test.end_sessions", h.hall.ended), events.On("test.hear_facts", h.hear))...)
	for _, part := range []interface {
		Start(context.Context) error
		Stop(context.Context) error
	}{passwords, rules, log, rehasher} {
		must(part.Start(t.Context()))
		t.Cleanup(func() { _ = part.Stop(context.Background()) })
	}
	api, err := httpx.New(httpx.Settings{PublicURL: origin, Version: "test"}, httpx.Deps{Log: b.Log, Clock: b.Clock, Random: s.rand, Authenticator: h.hall, Limiter: limiter})
	must(err)
	login := httpx.Op(httpx.Operation{
		ID: "login", Method: http.MethodPost, Path: "/api/v1/auth/login", Access: httpx.Public, Summary: "Signed in", Tag: "Sessions",
		BodyExample: loginBody{Email: ann, Password: password}, ResultExample: loginResult{Token: "x"},
	}, func(ctx context.Context, in *struct{ Body loginBody }) (*httpx.Reply[loginResult], error) {
		return h.login(ctx, guard, in.Body)
	})
	must(api.Mount(append([]httpx.Endpoint{login}, h.factors.Endpoints()...), nil))
	h.handler = api.Handler()
	return h
}

// login is the log-in of sessions.
func (h *house) login(ctx context.Context, guard *ratelimit.Guard, in loginBody) (*httpx.Reply[loginResult], error) {
	attempt, err := guard.Attempt(ctx, in.Email, authn.ClientFrom(ctx))
	if err != nil {
		return nil, err
	}
	account, err := h.hall.directory.CheckPassword(ctx, in.Email, secret.New(in.Password))
	if err != nil {
		return nil, err
	}
	var out authn.Outcome
	err = h.DB.InTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		out, err = h.hall.CompleteSignIn(ctx, tx, authn.Attempt{Account: account, Flow: authn.FlowPassword, Methods: []string{"pwd"}, Client: authn.ClientFrom(ctx)})
		return err
	})
	attempt.Release(ctx)
	if err != nil {
		return nil, err
	}
	if c := out.Challenge; c != nil {
		reply := httpx.OK(loginResult{MFA: c.Token.Reveal(), Methods: c.Methods})
		reply.Keep = []httpx.Keep{{Name: authn.ChallengeCookie, Value: c.Token, For: c.ExpiresAt.Sub(h.Clock.Now())}}
		return reply, nil
	}
	return &httpx.Reply[loginResult]{Data: loginResult{Token: out.Session.Token.Reveal()}, SignIn: out.Session}, nil
}

func (h *house) hear(ctx context.Context, _ bun.Tx, f events.Fact) error {
	database.AfterCommit(ctx, func(context.Context) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.recorded = append(h.recorded, f)
	})
	return nil
}

// facts counts the facts of an action.
func (h *house) facts(action string, success bool) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, f := range h.recorded {
		if f.Action == action && f.Success == success {
			n++
		}
	}
	return n
}

// reply is an answer of the edge.
type reply struct {
	status  int
	body    string
	header  http.Header
	cookies map[string]*http.Cookie
}

// text is a member of the answer's data.
func (r reply) text(t testing.TB, name string) string {
	t.Helper()
	var answer struct{ Data map[string]any }
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
		t.Fatal(err)
	}
	v, _ := answer.Data[name].(string)
	return v
}

// do sends a request as the bearer of token; headers are names and values.
func (h *house) do(t testing.TB, method, path, token, body string, headers ...string) reply {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	req.RemoteAddr = "203.0.113.7:4711"
	req.Header.Set("X-Request-ID", "request-1")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, req)
	r := reply{status: w.Code, body: w.Body.String(), header: w.Header(), cookies: map[string]*http.Cookie{}}
	for _, c := range w.Result().Cookies() {
		r.cookies[c.Name] = c
	}
	return r
}

// want is do, and fails when the answer has another status.
func (h *house) want(t testing.TB, status int, method, path, token, body string, headers ...string) reply {
	t.Helper()
	r := h.do(t, method, path, token, body, headers...)
	if r.status != status {
		t.Fatalf("%s %s %s = %d %s, want %d", method, path, body, r.status, r.body, status)
	}
	return r
}

// register adds a user and returns the token of their session.
func (h *house) register(t testing.TB, email string) string {
	t.Helper()
	done, err := h.users.Register(t.Context(), identity.Registration{Email: email, Password: secret.New(password), Confirm: secret.New(password)})
	if err != nil {
		t.Fatal(err)
	}
	return done.Session.Token.Reveal()
}

// enrolled is an authenticator app in the tests' hands.
type enrolled struct {
	secret string
	codes  []string
}

// enroll sets an app up with the code of the step before, so that this step's is free.
func (h *house) enroll(t testing.TB, token string) enrolled {
	t.Helper()
	e := h.prepare(t, token)
	h.want(t, http.StatusOK, "POST", "/api/v1/auth/totp/verify-enrollment", token, `{"code":"`+h.code(e, -1)+`"}`)
	return e
}

// prepare asks for an app and does not verify it.
func (h *house) prepare(t testing.TB, token string) enrolled {
	t.Helper()
	r := h.want(t, http.StatusCreated, "POST", "/api/v1/auth/totp/enroll", token, "")
	var answer struct {
		Data struct {
			Secret string
			Codes  []string `json:"backup_codes"`
		}
	}
	if err := json.Unmarshal([]byte(r.body), &answer); err != nil {
		t.Fatal(err)
	}
	return enrolled{answer.Data.Secret, answer.Data.Codes}
}

// code is what the app shows so many steps from now.
func (h *house) code(e enrolled, steps int64) string {
	return codeOf(e.secret, h.Clock.Now().Unix()/30+steps)
}

// codeOf computes a code by hand (RFC 4226 §5.3).
func codeOf(key string, step int64) string {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(key)
	if err != nil {
		panic(err)
	}
	mac := hmac.New(sha1.New, raw)
	_ = binary.Write(mac, binary.BigEndian, step)
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1000000)
}

// challenge logs in and returns the token of the challenge.
func (h *house) challenge(t testing.TB, email string, headers ...string) string {
	t.Helper()
	r := h.want(t, http.StatusOK, "POST", "/api/v1/auth/login", "", `{"email":"`+email+`","password":"`+password+`"}`, headers...)
	token := r.text(t, "mfa_token")
	if token == "" {
		t.Fatalf("nothing is asked: %s", r.body)
	}
	return token
}

// verify brings a code to a challenge.
func (h *house) verify(t testing.TB, challenge, code string, more ...string) reply {
	t.Helper()
	return h.do(t, "POST", "/api/v1/auth/totp/verify", "", `{"mfa_token":"`+challenge+`","code":"`+code+`"`+strings.Join(more, "")+`}`)
}

const backup = `,"is_backup_code":true`

// mails delivers what waits.
func (h *house) mails(t testing.TB) []platformtest.Mail {
	t.Helper()
	if _, err := h.postman.Write(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h.trap.Deliver(t.Context())
}

// count counts rows.
func (h *house) count(t testing.TB, table string) int {
	t.Helper()
	n, err := h.DB.Read().NewSelect().Table(table).Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}
