package e2e_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// front is a site with a page of its own in front of the processes of a deployment. It
// sends one request to each of them in turn.
type front struct {
	// origin is what browsers know it as: passkeys are bound to names, not to addresses.
	origin string
	sys    atomic.Pointer[harness.System]
	turn   atomic.Uint64
}

// newFront starts a site before the deployment, which must know its origin.
func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{}
	api := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		servers := f.sys.Load().Servers
		to, err := url.Parse(servers[f.turn.Add(1)%uint64(len(servers))].URL)
		if err != nil {
			panic(err)
		}
		r.SetURL(to)
	}}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			api.ServeHTTP(w, r)
			return
		}
		http.ServeFile(w, r, "testdata/passkey.html")
	}))
	t.Cleanup(site.Close)
	f.origin = strings.Replace(site.URL, "127.0.0.1", "localhost", 1)
	return f
}

// shown is what the page got.
type shown struct {
	Status                      int
	Body                        map[string]any
	Used, Verification, Refused string
}

func (s shown) text(path ...string) string { return (&harness.Answer{Envelope: s.Body}).Text(path...) }

func want(t testing.TB, what string, s shown, status int) shown {
	t.Helper()
	if s.Status != status {
		t.Fatalf("%s: status %d, want %d: %v %s", what, s.Status, status, s.Body, s.Refused)
	}
	return s
}

// A browser makes two passkeys, signs in with each, with and without an email, as a second
// factor too, and gives one up. It posts what it has, as it is.
func TestPasskeysInABrowser(t *testing.T) {
	t.Parallel()
	browser := harness.StartBrowser(t)
	for _, kind := range []harness.Kind{harness.Embedded, harness.Single, harness.Pair} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := newFront(t)
			sys := harness.Start(t, kind, harness.Options{Env: map[string]string{"WEBAUTHN_RP_ID": "localhost", "WEBAUTHN_ORIGINS": f.origin}})
			f.sys.Store(sys)
			passkeysInABrowser(t, sys, browser.Open(t, f.origin+"/"))
		})
	}
}

func passkeysInABrowser(t *testing.T, sys *harness.System, page *harness.Page) {
	t.Helper()
	s := sys.First()
	u := s.Register(t)
	run := func(script string, arg any) (out shown) {
		t.Helper()
		page.Eval(t, script, arg, &out)
		return out
	}
	register := func() shown { return run(`return register(arg)`, u.Token) }
	signIn := func(who map[string]any) shown { return run(`return signIn(arg)`, who) }

	first := page.AddAuthenticator(t)
	a := want(t, "register", register(), http.StatusCreated).text("data", "credential", "id")
	if kept := first.Passkeys(t); len(kept) != 1 || urlSafe(t, kept[0]) != a {
		t.Errorf("the first authenticator keeps %v, the server knows %s", kept, a)
	}
	if again := register(); again.Refused != "InvalidStateError" { // excludeCredentials
		t.Errorf("a second passkey of one authenticator: %+v", again)
	}
	first.AtHand(t, false)
	second := page.AddAuthenticator(t)
	b := want(t, "register", register(), http.StatusCreated).text("data", "credential", "id")
	if kept := second.Passkeys(t); len(kept) != 1 || urlSafe(t, kept[0]) != b || a == b {
		t.Errorf("the second authenticator keeps %v, the server knows %s", kept, b)
	}

	token := ""
	for id, key := range map[string]*harness.Authenticator{a: first, b: second} {
		first.AtHand(t, key == first)
		second.AtHand(t, key == second)
		for what, who := range map[string]map[string]any{"with an email": {"email": strings.ToUpper(u.Email)}, "without": {}} {
			in := want(t, what, signIn(who), http.StatusOK)
			if in.Used != id || in.Verification != "required" {
				t.Errorf("%s: %+v", what, in)
			}
			token = in.text("data", "token")
			if me := sys.Last().Do(t, harness.Me(token)).Want(t, http.StatusOK); me.Text("data", "user", "id") != u.ID {
				t.Errorf("%s: %s is signed in", what, me.Body)
			}
		}
		// The second factor of a password, named, and by the cookies of the browser.
		for what, mark := range map[string]bool{"named": true, "by cookie": false} {
			asked := want(t, "log in", run(`return call("POST", "/login", arg)`, map[string]any{"email": u.Email, "password": u.Password}), http.StatusOK)
			waiting := asked.text("data", "mfa_token")
			if waiting == "" || asked.text("data", "token") != "" {
				t.Fatalf("a log-in is answered %v", asked.Body)
			}
			who := map[string]any{"email": u.Email}
			if mark {
				who = map[string]any{"mfa_token": waiting}
			}
			in := want(t, what, signIn(who), http.StatusOK)
			if in.Used != id || in.Verification != "preferred" {
				t.Errorf("%s: %+v", what, in)
			}
		}
	}
	second.AtHand(t, false)
	first.AtHand(t, true)
	// Offered where the email is typed.
	want(t, "conditional", run(`return signIn({}, "conditional")`, nil), http.StatusOK)
	// Who is not recognised does not get in by a passkey alone.
	first.Verifies(t, false)
	if in := signIn(map[string]any{}); in.Refused != "NotAllowedError" {
		t.Errorf("somebody who is not recognised: %+v", in)
	}
	first.Verifies(t, true)

	list := s.Do(t, harness.Call{Path: harness.WebAuthnPath + "/credentials", Token: token}).Want(t, http.StatusOK)
	if list.Value("data", "count") != 2.0 {
		t.Errorf("the list %s", list.Body)
	}
	s.Do(t, passkeyCall(http.MethodDelete, token, a, nil)).Want(t, http.StatusOK)
	want(t, "a passkey that was given up", signIn(map[string]any{}), http.StatusUnauthorized)
	sys.Last().Do(t, passkeyCall(http.MethodDelete, token, b, nil)).WantError(t, http.StatusBadRequest, "BAD_REQUEST")
	first.AtHand(t, false)
	second.AtHand(t, true)
	want(t, "the other one", signIn(map[string]any{"email": u.Email}), http.StatusOK)
	want(t, "the other one", signIn(map[string]any{}), http.StatusOK)
}

// urlSafe writes base64 as WebAuthn does.
func urlSafe(t testing.TB, id string) string {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(id)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}
