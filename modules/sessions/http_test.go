package sessions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/sessions"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"

// counted is a source of randomness and ids that counts, so that answers can be compared
// byte for byte.
type counted struct{ n int }

func (c *counted) Read(p []byte) (int, error) {
	c.n++
	for i := range p {
		p[i] = byte(c.n)
	}
	return len(p), nil
}

func (c *counted) New() string {
	c.n++
	return fmt.Sprintf("01900000-0000-7000-8000-%012d", c.n)
}

// site is the sessions of one replica behind the real edge.
type site struct {
	*replica
	handler http.Handler
}

// newSite serves a replica whose every id, token and time is known beforehand.
func newSite(t *testing.T, b platformtest.Backend, changes ...func(*setup)) *site {
	t.Helper()
	b.Clock.Set(time.Date(2031, time.January, 1, 0, 0, 0, 0, time.UTC))
	fixed := &people{byEmail: map[string]*person{}}
	for i, email := range []string{bob, carol} {
		fixed.add(email, bobPassword)
		fixed.change(email, func(a *authn.Account) {
			userID := fmt.Sprintf("01900000-0000-7000-9000-%012d", i+1)
			a.Profile = bytes.ReplaceAll(a.Profile, []byte(a.UserID), []byte(userID))
			a.UserID = userID
		})
	}
	r := newReplica(t, b, append([]func(*setup){func(s *setup) {
		s.people = fixed
		s.parts.Tokens, s.parts.IDs = crypto.NewTokens(&counted{}), &counted{}
	}}, changes...)...)
	api, err := httpx.New(httpx.Settings{PublicURL: "https://auth.example.com", Version: "test"}, httpx.Deps{
		Log: b.Log, Clock: b.Clock, Random: &counted{}, Authenticator: r,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Mount(r.Endpoints(), nil); err != nil {
		t.Fatal(err)
	}
	return &site{replica: r, handler: api.Handler()}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// call sends a request; headers come in pairs.
func (s *site) call(t testing.TB, method, path, body string, headers ...string) answer {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	req.RemoteAddr = "203.0.113.7:4711"
	req.Header.Set("User-Agent", firefox)
	req.Header.Set("X-Request-ID", "request-1")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, req)
	got, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{status: w.Code, header: w.Header(), body: got}
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

// data decodes the data of an answer.
func data[T any](t testing.TB, a answer) (out T) {
	t.Helper()
	var envelope struct{ Data T }
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return envelope.Data
}

type loginData struct{ Token string }

func (s *site) token(t testing.TB, email string) string {
	t.Helper()
	a := s.call(t, http.MethodPost, "/api/v1/auth/login", fmt.Sprintf(`{"email":%q,"password":%q}`, email, bobPassword))
	if a.status != http.StatusOK {
		t.Fatalf("log-in: %d %s", a.status, a.body)
	}
	return data[loginData](t, a).Token
}

// The bodies of every operation, whole.
func TestAnswersAreAsTheyWere(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		golden := func(name string, a answer, status int) {
			t.Helper()
			if a.status != status {
				t.Errorf("%s: status %d, want %d", name, a.status, status)
			}
			platformtest.Golden(t, "testdata/"+name+".golden.json", append(a.body, '\n'))
		}
		login := s.call(t, http.MethodPost, "/api/v1/auth/login", `{"email":"bob@acme-corp.com","password":"UserPass123!","remember_me":true}`)
		golden("login", login, http.StatusOK)
		if got := login.header.Get("Set-Cookie"); !strings.HasPrefix(got, "__Host-authy2_session="+data[loginData](t, login).Token+";") ||
			!strings.Contains(got, "HttpOnly") || !strings.Contains(got, "Secure") || !strings.Contains(got, "SameSite=Lax") || !strings.Contains(got, "Path=/") {
			t.Errorf("the cookie is %q", got)
		}
		auth := bearer(data[loginData](t, login).Token)
		b.Clock.Advance(time.Minute)
		second := s.token(t, bob)
		golden("login_wrong_password", s.call(t, http.MethodPost, "/api/v1/auth/login", `{"email":"bob@acme-corp.com","password":"x"}`), http.StatusUnauthorized)
		golden("login_wrong_password", s.call(t, http.MethodPost, "/api/v1/auth/login", `{"email":"who@acme-corp.com","password":"x"}`), http.StatusUnauthorized)
		golden("me", s.call(t, http.MethodGet, "/api/v1/auth/me", "", auth...), http.StatusOK)
		golden("list", s.call(t, http.MethodGet, "/api/v1/auth/sessions", "", auth...), http.StatusOK)
		golden("refresh", s.call(t, http.MethodPost, "/api/v1/auth/sessions/refresh", "", auth...), http.StatusOK)
		golden("revoke", s.call(t, http.MethodDelete, "/api/v1/auth/sessions/01900000-0000-7000-8000-000000000002", "", auth...), http.StatusOK)
		golden("revoked_token", s.call(t, http.MethodGet, "/api/v1/auth/me", "", bearer(second)...), http.StatusUnauthorized)
		golden("revoke_unknown", s.call(t, http.MethodDelete, "/api/v1/auth/sessions/01900000-0000-7000-8000-000000000099", "", auth...), http.StatusNotFound)
		s.token(t, bob)
		golden("revoke_all", s.call(t, http.MethodDelete, "/api/v1/auth/sessions", "", auth...), http.StatusOK)
		logout := s.call(t, http.MethodPost, "/api/v1/auth/logout", "", auth...)
		golden("logout", logout, http.StatusOK)
		golden("invalid_token", s.call(t, http.MethodGet, "/api/v1/auth/me", "", auth...), http.StatusUnauthorized)
		third := s.token(t, bob)
		b.Clock.Advance(16 * time.Minute)
		golden("session_inactive", s.call(t, http.MethodGet, "/api/v1/auth/me", "", bearer(third)...), http.StatusUnauthorized)
	})
}

func TestForeignAndMalformedSessionsAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		auth := bearer(s.token(t, bob))
		foreign := s.signIn(t, carol)
		unknown := s.call(t, http.MethodDelete, "/api/v1/auth/sessions/01900000-0000-7000-8000-000000000099", "", auth...)
		for _, id := range []string{foreign.ID, "x", "%00", strings.Repeat("a", 400), "01900000-0000-7000-8000-00000000000g"} {
			a := s.call(t, http.MethodDelete, "/api/v1/auth/sessions/"+id, "", auth...)
			if a.status != http.StatusNotFound || !bytes.Equal(a.body, unknown.body) {
				t.Errorf("%.20q: %d %s", id, a.status, a.body)
			}
		}
		s.accepts(t, foreign)
	})
}

func TestListPagesAndKnowsTheCurrentSession(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		auth := bearer(s.token(t, bob))
		for range 4 {
			b.Clock.Advance(time.Second)
			s.signIn(t, bob)
		}
		s.signIn(t, carol)
		type list struct {
			Sessions []sessions.Session
			Count    int
		}
		type page struct {
			Data list
			Meta struct {
				NextCursor *string `json:"next_cursor"`
			}
		}
		var ids []string
		current := 0
		path := "/api/v1/auth/sessions?limit=2"
		for n := 0; n < 3; n++ {
			a := s.call(t, http.MethodGet, path, "", auth...)
			var p page
			if err := json.Unmarshal(a.body, &p); err != nil || a.status != http.StatusOK {
				t.Fatalf("%d %s (%v)", a.status, a.body, err)
			}
			if p.Data.Count != len(p.Data.Sessions) {
				t.Errorf("count %d of %d", p.Data.Count, len(p.Data.Sessions))
			}
			for _, one := range p.Data.Sessions {
				ids = append(ids, one.ID)
				if one.IsCurrent {
					current++
				}
			}
			if p.Meta.NextCursor == nil {
				break
			}
			path = "/api/v1/auth/sessions?limit=2&cursor=" + *p.Meta.NextCursor
		}
		want := []string{"5", "4", "3", "2", "1"}
		if len(ids) != len(want) || current != 1 {
			t.Fatalf("listed %v, %d of them current", ids, current)
		}
		for i, id := range ids {
			if !strings.HasSuffix(id, want[i]) {
				t.Errorf("listed %v, want the newest first", ids)
			}
		}
		for _, bad := range []string{"limit=0", "limit=101", "limit=x", "cursor=x", "cursor=eyJpZCI6IngifQ", "other=1"} {
			if a := s.call(t, http.MethodGet, "/api/v1/auth/sessions?"+bad, "", auth...); a.status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", bad, a.status, a.body)
			}
		}
	})
}

func TestListLeavesOutWhatIsOver(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b, short(100*time.Second, time.Hour))
		first := r.signIn(t, bob)
		r.clock.Advance(60 * time.Second)
		slid, revoked := r.signIn(t, bob), r.signIn(t, bob)
		if err := r.Logout(t.Context(), r.accepts(t, revoked)); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(30 * time.Second)
		p := r.accepts(t, first) // not written yet, and past its row's deadline soon
		r.clock.Advance(20 * time.Second)
		got, _, err := r.List(t.Context(), p, "", 20)
		if err != nil || len(got) != 2 || got[0].ID != slid.ID || got[1].ID != first.ID {
			t.Fatalf("listed %+v (%v)", got, err)
		}
		r.flush(t)
		r.clock.Advance(55 * time.Second) // slid ended five seconds ago
		got, _, err = r.List(t.Context(), p, "", 20)
		if err != nil || len(got) != 1 || got[0].ID != first.ID {
			t.Fatalf("listed %+v (%v)", got, err)
		}
	})
}

func TestLoginRefusesWhatIsMalformed(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	s := newSite(t, b)
	cases := map[string]struct{ body, field string }{
		"empty":            {`{}`, "email"},
		"no password":      {`{"email":"bob@acme-corp.com"}`, "password"},
		"empty password":   {`{"email":"bob@acme-corp.com","password":""}`, "password"},
		"long password":    {`{"email":"bob@acme-corp.com","password":"` + strings.Repeat("x", 1025) + `"}`, "password"},
		"long in bytes":    {`{"email":"bob@acme-corp.com","password":"` + strings.Repeat("é", 513) + `"}`, "password"},
		"no address":       {`{"email":"bob","password":"x"}`, "email"},
		"unknown field":    {`{"email":"bob@acme-corp.com","password":"x","totp":"1"}`, "totp"},
		"remember is text": {`{"email":"bob@acme-corp.com","password":"x","remember_me":"perhaps"}`, "remember_me"},
		"null":             {`null`, "_schema"},
	}
	for name, c := range cases {
		a := s.call(t, http.MethodPost, "/api/v1/auth/login", c.body)
		var envelope struct {
			Error struct {
				Type    string
				Details map[string][]string
			}
		}
		if err := json.Unmarshal(a.body, &envelope); err != nil {
			t.Fatal(err)
		}
		if a.status != http.StatusBadRequest || envelope.Error.Type != "VALIDATION_ERROR" || len(envelope.Error.Details[c.field]) == 0 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if bytes.Contains(a.body, []byte("xxxx")) {
			t.Errorf("%s: the answer repeats the password", name)
		}
	}
}

func TestLoginAsksForOneMoreProof(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	for method, field := range map[string]string{"otp": "requires_totp", "hwk": "requires_webauthn"} {
		s := newSite(t, b, gates(sessions.Gates{SecondFactor: decide(authn.Decision{
			Verdict:   authn.ChallengeNeeded,
			Challenge: &authn.Challenge{Token: secret.New("pending"), Methods: []string{method}, ExpiresAt: time.Date(2031, 1, 1, 0, 5, 0, 0, time.UTC)},
		})}))
		a := s.call(t, http.MethodPost, "/api/v1/auth/login", `{"email":"bob@acme-corp.com","password":"UserPass123!"}`)
		got := data[map[string]any](t, a)
		want := fmt.Sprintf(`{"expires_at":"2031-01-01T00:05:00Z","mfa_token":"pending","methods":[%q],%q:true}`, method, field)
		var wanted map[string]any
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(wanted) || a.status != http.StatusOK ||
			!strings.HasPrefix(a.header.Get("Set-Cookie"), "__Host-"+authn.ChallengeCookie+"=pending;") || len(a.header.Values("Set-Cookie")) != 1 {
			t.Errorf("%d %s %q, want the data %s and the cookie of the challenge alone", a.status, a.body, a.header.Values("Set-Cookie"), want)
		}
	}
}

func TestSessionForEnrollmentReachesEveryOperationHere(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	s := newSite(t, b, gates(sessions.Gates{Compliance: decide(authn.Decision{Verdict: authn.Restrict})}))
	login := s.call(t, http.MethodPost, "/api/v1/auth/login", `{"email":"bob@acme-corp.com","password":"UserPass123!"}`)
	if got := data[map[string]any](t, login); got["requires_mfa_enrollment"] != true {
		t.Fatalf("log-in answers %s", login.body)
	}
	auth := bearer(data[loginData](t, login).Token)
	for _, c := range [][2]string{
		{http.MethodGet, "/api/v1/auth/me"},
		{http.MethodGet, "/api/v1/auth/sessions"},
		{http.MethodPost, "/api/v1/auth/sessions/refresh"},
		{http.MethodDelete, "/api/v1/auth/sessions"},
		{http.MethodDelete, "/api/v1/auth/sessions/01900000-0000-7000-8000-000000000001"},
	} {
		if a := s.call(t, c[0], c[1], "", auth...); a.status != http.StatusOK {
			t.Errorf("%s %s: %d %s", c[0], c[1], a.status, a.body)
		}
	}
	auth = bearer(s.token(t, bob))
	if a := s.call(t, http.MethodPost, "/api/v1/auth/logout", "", auth...); a.status != http.StatusOK {
		t.Errorf("log-out: %d %s", a.status, a.body)
	}
}

func TestCookieGoesWithItsSession(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	s := newSite(t, b)
	cookie := func(token string) []string {
		return []string{"Cookie", "__Host-authy2_session=" + token, "Sec-Fetch-Site", "same-origin"}
	}
	cases := []struct {
		name, method, path string
		clears             bool
	}{
		{"log-out", http.MethodPost, "/api/v1/auth/logout", true},
		{"all but this one", http.MethodDelete, "/api/v1/auth/sessions", false},
		{"this one too", http.MethodDelete, "/api/v1/auth/sessions?include_current=true", true},
	}
	for _, c := range cases {
		token := s.token(t, bob)
		a := s.call(t, c.method, c.path, "", cookie(token)...)
		set := a.header.Get("Set-Cookie")
		if a.status != http.StatusOK || strings.Contains(set, "Max-Age=0") != c.clears {
			t.Errorf("%s: %d, Set-Cookie %q", c.name, a.status, set)
		}
		_, err := s.Authenticate(context.WithoutCancel(t.Context()), token)
		if dead := apperr.From(err) != nil; dead != c.clears {
			t.Errorf("%s: afterwards the token is answered with %v", c.name, err)
		}
	}
}

// Nothing that signs anybody in is in the database.
func TestNoTokenIsStored(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s := r.signIn(t, bob)
		var stored []map[string]any
		if err := b.DB.Read().NewSelect().Table("sessions_sessions").Scan(t.Context(), &stored); err != nil {
			t.Fatal(err)
		}
		for column, value := range stored[0] {
			text := fmt.Sprint(value)
			if raw, ok := value.([]byte); ok {
				text = string(raw)
			}
			if strings.Contains(text, s.Token.Reveal()) {
				t.Errorf("column %s holds the token", column)
			}
		}
		if b.Redis == nil {
			return
		}
		for _, key := range b.Redis.Keys(t.Context(), "*").Val() {
			if strings.Contains(key+b.Redis.Get(t.Context(), key).Val(), s.Token.Reveal()) {
				t.Errorf("Redis holds the token under %s", key)
			}
		}
	})
}

func TestExportHoldsEverySessionAndNoSecret(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, b platformtest.Backend) {
		r := newReplica(t, b)
		s, ended := r.signIn(t, bob), r.signIn(t, bob)
		r.signIn(t, carol)
		if err := r.Logout(t.Context(), r.accepts(t, ended)); err != nil {
			t.Fatal(err)
		}
		all, err := r.Export(t.Context(), s.Account.UserID)
		if err != nil || len(all) != 2 || all[0].ID != ended.ID || all[0].Status != sessions.Revoked || all[1].ID != s.ID {
			t.Fatalf("exported %+v (%v)", all, err)
		}
		text, err := json.Marshal(all)
		if err != nil || bytes.Contains(text, []byte("hash")) {
			t.Fatalf("exported %s (%v)", text, err)
		}
		if none, err := r.Export(t.Context(), someUser); err != nil || len(none) != 0 {
			t.Fatalf("of somebody unknown: %+v (%v)", none, err)
		}
	})
}
