package factor_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/cache"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/id"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/ratelimit"
	"github.com/authy2/backend/platform/secret"
)

const (
	webauthn    = "/api/v1/auth/webauthn"
	credentials = webauthn + "/credentials"
	rpID        = "auth.example.com"
)

// freshly is an authenticator whose sessions know how long a proof is recent.
type freshly struct{ authn.Authenticator }

func (f freshly) Authenticate(ctx context.Context, token string) (*authn.Principal, error) {
	p, err := f.Authenticator.Authenticate(ctx, token)
	if err == nil {
		p.FreshFor = 5 * time.Minute
	}
	return p, err
}

// lodge is a house with passkeys.
type lodge struct {
	*house
	passkeys *factor.Passkeys
	// page is the browser of the tests.
	page *platformtest.Authenticator
}

func newLodge(t testing.TB, b platformtest.Backend, changes ...func(*factor.PasskeyParts)) *lodge {
	t.Helper()
	h := newHouse(t, b)
	keys, err := crypto.ParseKeyring(secret.New(strings.Repeat("3c", 32)))
	if err != nil {
		t.Fatal(err)
	}
	owners := identity.NewOwners(h.users)
	parts := factor.PasskeyParts{
		Config: factor.DefaultPasskeyConfig(), PublicURL: origin, DB: b.DB, Clock: b.Clock, IDs: id.Generator{}, Rand: rand.Reader, Tokens: h.hall.tokens,
		Keys: keys, Sealing: keys, Bus: b.Bus, Issuer: h.hall, Accounts: owners, Credentials: owners, Notices: owners, Compliance: authn.NoCompliance{}, Log: b.Log,
	}
	for _, change := range changes {
		change(&parts)
	}
	passkeys, err := factor.NewPasskeys(parts)
	if err != nil {
		t.Fatal(err)
	}
	limiter, err := ratelimit.NewLimiter(append(factor.Limits(), factor.PasskeyLimits()...), nil, ratelimit.Settings{})
	if err != nil {
		t.Fatal(err)
	}
	api, err := httpx.New(httpx.Settings{PublicURL: origin, Version: "test"}, httpx.Deps{
		Log: b.Log, Clock: b.Clock, Random: rand.Reader, Authenticator: freshly{h.hall}, Limiter: limiter,
	})
	if err != nil {
		t.Fatal(err)
	}
	guard := ratelimit.NewGuard(ratelimit.NewMemoryGrowing(b.Clock), cache.NewMemoryStore(b.Clock), [32]byte{}, false)
	login := httpx.Op(httpx.Operation{
		ID: "login", Method: http.MethodPost, Path: "/api/v1/auth/login", Access: httpx.Public, Summary: "Signed in", Tag: "Sessions",
		BodyExample: loginBody{Email: ann, Password: password}, ResultExample: loginResult{Token: "x"},
	}, func(ctx context.Context, in *struct{ Body loginBody }) (*httpx.Reply[loginResult], error) {
		return h.login(ctx, guard, in.Body)
	})
	endpoints := append([]httpx.Endpoint{login}, h.factors.Endpoints()...)
	if err := api.Mount(append(endpoints, passkeys.Endpoints()...), nil); err != nil {
		t.Fatal(err)
	}
	h.handler = api.Handler()
	return &lodge{house: h, passkeys: passkeys, page: platformtest.NewAuthenticator(origin)}
}

// creation asks for the options of a new passkey.
func (l *lodge) creation(t testing.TB, token string) []byte {
	t.Helper()
	return []byte(l.want(t, http.StatusOK, "POST", webauthn+"/register/begin", token, "").body)
}

// request asks for the options of a sign-in.
func (l *lodge) request(t testing.TB, body string, headers ...string) []byte {
	t.Helper()
	return []byte(l.want(t, http.StatusOK, "POST", webauthn+"/login/begin", "", body, headers...).body)
}

// add registers a passkey and returns it.
func (l *lodge) add(t testing.TB, token string) *platformtest.Credential {
	t.Helper()
	c, answer := l.page.Create(t, l.creation(t, token), platformtest.Lies{})
	l.want(t, http.StatusCreated, "POST", webauthn+"/register/complete", token, text(t, answer))
	return c
}

// complete brings an assertion.
func (l *lodge) complete(t testing.TB, answer map[string]any, headers ...string) reply {
	t.Helper()
	return l.do(t, "POST", webauthn+"/login/complete", "", text(t, answer), headers...)
}

// signIn signs in by passkey alone and returns the session's token.
func (l *lodge) signIn(t testing.TB, body string) string {
	t.Helper()
	r := l.complete(t, l.page.Get(t, l.request(t, body), platformtest.Lies{}))
	if r.status != http.StatusOK {
		t.Fatalf("sign in by passkey: %d %s", r.status, r.body)
	}
	return r.text(t, "token")
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// member reads a member of bare options.
func member(t testing.TB, options []byte, name string) any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(options, &all); err != nil {
		t.Fatal(err)
	}
	return all[name]
}

// passkeyPath is the path of a passkey.
func passkeyPath(c *platformtest.Credential) string { return credentials + "/" + encoded(c.ID) }
