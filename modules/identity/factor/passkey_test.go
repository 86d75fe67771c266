package factor_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/platformtest"
)

func encoded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// W1: the options have the form that browsers take, and no envelope.
func TestPasskeyOptions(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		l := newLodge(t, b)
		token := l.register(t, ann)
		first := l.creation(t, token)
		var o struct {
			RP        struct{ ID, Name string }
			User      struct{ ID, Name, DisplayName string }
			Challenge string
			Params    []struct {
				Type string
				Alg  int
			} `json:"pubKeyCredParams"`
			Timeout     int
			Exclude     []map[string]any `json:"excludeCredentials"`
			Selection   map[string]any   `json:"authenticatorSelection"`
			Attestation string
		}
		if err := json.Unmarshal(first, &o); err != nil {
			t.Fatal(err)
		}
		handle, err := base64.RawURLEncoding.DecodeString(o.User.ID)
		challenge, err2 := base64.RawURLEncoding.DecodeString(o.Challenge)
		if err != nil || err2 != nil || len(handle) != 36 || len(challenge) != 32 || o.RP.ID != rpID || o.RP.Name == "" || o.User.Name != ann ||
			len(o.Params) != 2 || o.Params[0].Alg != -7 || o.Params[1].Alg != -257 || o.Timeout != 60000 || o.Exclude == nil || len(o.Exclude) != 0 ||
			o.Selection["residentKey"] != "preferred" || o.Selection["userVerification"] != "preferred" || o.Attestation != "none" {
			t.Errorf("creation options: %s", first)
		}
		c := l.add(t, token)
		if exclude, _ := member(t, l.creation(t, token), "excludeCredentials").([]any); len(exclude) != 1 || exclude[0].(map[string]any)["id"] != encoded(c.ID) {
			t.Errorf("the passkey is not excluded: %v", exclude)
		}
		known := l.request(t, `{"email":"Ann@Example.com"}`)
		allow, _ := member(t, known, "allowCredentials").([]any)
		if len(allow) != 1 || allow[0].(map[string]any)["id"] != encoded(c.ID) || member(t, known, "rpId") != rpID || member(t, known, "userVerification") != "required" ||
			member(t, known, "timeout") != float64(60000) {
			t.Errorf("request options: %s", known)
		}
		free := l.request(t, `{}`)
		if allow, ok := member(t, free, "allowCredentials").([]any); !ok || len(allow) != 0 {
			t.Errorf("options for anybody: %s", free)
		}
	})
}

// Addresses that have no passkeys look like those that have.
func TestPasskeyOptionsTellNothing(t *testing.T) {
	t.Parallel()
	l := newLodge(t, platformtest.SQLite(t, lines()...))
	l.add(t, l.register(t, ann))
	l.register(t, bob)
	names := func(options []byte) []string {
		var all map[string]any
		if err := json.Unmarshal(options, &all); err != nil {
			t.Fatal(err)
		}
		return slices.Sorted(maps.Keys(all))
	}
	want := names(l.request(t, `{"email":"`+ann+`"}`))
	for _, email := range []string{bob, "nobody@example.com", "other@example.com"} {
		one, again := l.request(t, `{"email":"`+email+`"}`), l.request(t, `{"email":"`+email+`"}`)
		allow, _ := member(t, one, "allowCredentials").([]any)
		if got := names(one); !slices.Equal(got, want) || len(allow) != 1 {
			t.Errorf("%s: %s", email, one)
		}
		if text(t, allow) != text(t, member(t, again, "allowCredentials")) {
			t.Errorf("%s: asking twice tells: %s, %s", email, one, again)
		}
		if member(t, one, "challenge") == member(t, again, "challenge") {
			t.Error("a challenge is given twice")
		}
		// Even a key that answers is refused.
		c, _ := l.page.Create(t, l.creation(t, l.signIn(t, `{"email":"`+ann+`"}`)), platformtest.Lies{})
		if r := l.complete(t, l.page.Answer(t, c, member(t, one, "challenge").(string), platformtest.Lies{})); r.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", email, r.status, r.body)
		}
	}
}

// W3 and W4, with and without an address, alone and as a second factor.
func TestPasskeys(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		l := newLodge(t, b)
		token, other := l.register(t, ann), l.register(t, bob)
		if r := l.want(t, http.StatusOK, "GET", webauthn+"/status", token, ""); !strings.Contains(r.body, `"webauthn_enabled":false,"credential_count":0`) {
			t.Errorf("status %s", r.body)
		}
		first := l.add(t, token)
		l.page.Attestation = "packed"
		second := l.add(t, token) // two coexist
		list := l.want(t, http.StatusOK, "GET", credentials, token, "").body
		if !strings.Contains(list, `"count":2`) || !strings.Contains(list, `"transports":["internal","hybrid"]`) || !strings.Contains(list, `"name":"Passkey `+b.Clock.Now().UTC().Format(time.DateOnly)) {
			t.Errorf("list %s", list)
		}
		for _, c := range []*platformtest.Credential{first, second} {
			challenge, _ := member(t, l.request(t, `{"email":"`+ann+`"}`), "challenge").(string)
			if r := l.complete(t, l.page.Answer(t, c, challenge, platformtest.Lies{})); r.status != http.StatusOK || r.cookies["__Host-authy2_session"] == nil {
				t.Fatalf("sign in: %d %s", r.status, r.body)
			}
		}
		token = l.signIn(t, `{}`) // discoverable
		if p, err := l.hall.Authenticate(t.Context(), token); err != nil || strings.Join(p.AuthMethods, " ") != "hwk user" {
			t.Errorf("methods %v, %v", p, err)
		}
		// The second factor of a password, named or by cookie; here possession is enough.
		l.page.Unverified = true
		waiting := l.challenge(t, ann)
		options := l.request(t, `{"mfa_token":"`+waiting+`"}`)
		answer := l.page.Get(t, options, platformtest.Lies{})
		if r := l.complete(t, answer); r.status != http.StatusUnauthorized || member(t, options, "userVerification") != "preferred" {
			t.Errorf("a second factor without its sign-in: %d %s", r.status, r.body)
		}
		answer = l.page.Get(t, l.request(t, `{"mfa_token":"`+waiting+`"}`), platformtest.Lies{})
		answer["mfa_token"] = waiting
		r := l.complete(t, answer)
		if r.status != http.StatusOK {
			t.Fatalf("second factor: %d %s", r.status, r.body)
		}
		if p, err := l.hall.Authenticate(t.Context(), r.text(t, "token")); err != nil || strings.Join(p.AuthMethods, " ") != "pwd hwk" {
			t.Errorf("methods %v, %v", p, err)
		}
		answered := l.want(t, http.StatusOK, "POST", "/api/v1/auth/login", "", `{"email":"`+ann+`","password":"`+password+`"}`)
		var jar []string
		for _, c := range answered.cookies {
			jar = append(jar, c.Name+"="+c.Value)
		}
		cookie := []string{"Cookie", strings.Join(jar, "; "), "Sec-Fetch-Site", "same-origin"}
		options = l.request(t, `{"email":"`+ann+`"}`, cookie...)
		if r := l.complete(t, l.page.Get(t, options, platformtest.Lies{}), cookie...); r.status != http.StatusOK {
			t.Errorf("second factor by cookie: %d %s", r.status, r.body)
		}
		// Names and deletion.
		for _, name := range []string{``, strings.Repeat("x", 101)} {
			l.want(t, http.StatusBadRequest, "PATCH", passkeyPath(first), token, `{"name":"`+name+`"}`)
		}
		if r := l.want(t, http.StatusOK, "PATCH", passkeyPath(first), token, `{"name":"`+strings.Repeat("é", 100)+`"}`); !strings.Contains(r.body, "éé") {
			t.Errorf("rename %s", r.body)
		}
		l.want(t, http.StatusNotFound, "PATCH", passkeyPath(first), other, `{"name":"x"}`)
		l.want(t, http.StatusNotFound, "DELETE", passkeyPath(first), other, "")
		l.want(t, http.StatusNotFound, "DELETE", credentials+"/AAAA", token, "")
		l.want(t, http.StatusOK, "DELETE", passkeyPath(first), token, "")
		if r := l.want(t, http.StatusBadRequest, "DELETE", passkeyPath(second), token, ""); !strings.Contains(r.body, "BAD_REQUEST") {
			t.Errorf("the last passkey: %s", r.body)
		}
		l.enroll(t, token)
		l.want(t, http.StatusOK, "DELETE", passkeyPath(second), token, "") // another factor is there
		for action, n := range map[string]int{
			factor.ActionPasskeyRegister: 2, factor.ActionPasskeyRegistered: 2, factor.ActionPasskeyLogin: 6, factor.ActionPasskeyLoggedIn: 5,
			factor.ActionPasskeyRename: 1, factor.ActionPasskeyDelete: 2,
		} {
			if got := l.facts(action, true); got != n {
				t.Errorf("%s was recorded %d times, want %d", action, got, n)
			}
		}
		told := map[string]int{}
		for _, m := range l.mails(t) {
			told[m.Purpose]++
		}
		if told["identity.passkey_added"] != 2 || told["identity.passkey_deleted"] != 2 {
			t.Errorf("mails %v", told)
		}
	})
}

// A change of passkeys ends every session but the one that makes it.
func TestPasskeyChangeEndsSessions(t *testing.T) {
	t.Parallel()
	l := newLodge(t, platformtest.SQLite(t, lines()...))
	token := l.register(t, ann)
	stranger := l.want(t, http.StatusOK, "POST", "/api/v1/auth/login", "", `{"email":"`+ann+`","password":"`+password+`"}`).text(t, "token")
	l.add(t, token)
	l.want(t, http.StatusUnauthorized, "GET", credentials, stranger, "")
	l.want(t, http.StatusOK, "GET", credentials, token, "")
	// An old session must prove again before it gives a passkey up.
	c := l.add(t, token)
	b := l.Clock
	b.Advance(6 * time.Minute)
	if r := l.want(t, http.StatusUnauthorized, "DELETE", passkeyPath(c), token, ""); !strings.Contains(r.body, "STEP_UP_REQUIRED") {
		t.Errorf("an old session: %s", r.body)
	}
}

// W2: whatever is wrong with a new passkey is 401.
func TestPasskeyRegistrationRefusals(t *testing.T) {
	t.Parallel()
	type lies = platformtest.Lies
	cases := map[string]lies{
		"challenge":      {Challenge: strings.Repeat("A", 43)},
		"origin":         {Origin: "https://evil.example.com"},
		"framed":         {CrossOrigin: true},
		"relying party":  {RPID: "evil.example.com"},
		"ceremony type":  {Type: "webauthn.get"},
		"nobody present": {Clear: platformtest.FlagUserPresent},
		"backup flags":   {Set: platformtest.FlagBackedUp},
	}
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		l := newLodge(t, b)
		token, other := l.register(t, ann), l.register(t, bob)
		refuse := func(name, token string, answer map[string]any) {
			if r := l.do(t, "POST", webauthn+"/register/complete", token, text(t, answer)); r.status != http.StatusUnauthorized || !strings.Contains(r.body, "AUTHENTICATION_ERROR") {
				t.Errorf("%s: %d %s", name, r.status, r.body)
			}
		}
		for name, lie := range cases {
			_, answer := l.page.Create(t, l.creation(t, token), lie)
			refuse(name, token, answer)
		}
		l.page.Attestation = "packed"
		_, answer := l.page.Create(t, l.creation(t, token), lies{Signature: true})
		refuse("signature of the attestation", token, answer)
		_, answer = l.page.Create(t, l.creation(t, token), lies{})
		refuse("somebody else's ceremony", other, answer)
		refuse("a ceremony that was tried", token, answer)
		_, answer = l.page.Create(t, l.creation(t, token), lies{})
		b.Clock.Advance(301 * time.Second)
		refuse("an expired ceremony", token, answer)
		l.hall.refresh()
		_, answer = l.page.Create(t, []byte(`{"rp":{"id":"`+rpID+`"},"user":{"id":"eA"},"challenge":"`+member(t, l.request(t, `{}`), "challenge").(string)+`"}`), lies{})
		refuse("the challenge of a sign-in", token, answer)
		if n := l.count(t, "identity_passkeys"); n != 0 {
			t.Errorf("%d passkeys", n)
		}
		c, answer := l.page.Create(t, l.creation(t, token), lies{})
		l.want(t, http.StatusCreated, "POST", webauthn+"/register/complete", token, text(t, answer))
		_, answer = l.page.Create(t, l.creation(t, other), lies{As: c})
		l.want(t, http.StatusConflict, "POST", webauthn+"/register/complete", other, text(t, answer))
		if n := l.facts(factor.ActionPasskeyRegisterFailed, false); n != len(cases)+6 {
			t.Errorf("%d refusals were recorded", n)
		}
		for _, body := range []string{`{}`, `null`, `{"id":5}`, `{"id":"a","rawId":"a","type":"x","response":{}}`} {
			l.want(t, http.StatusBadRequest, "POST", webauthn+"/register/complete", token, body)
			l.want(t, http.StatusBadRequest, "POST", webauthn+"/login/complete", "", body)
		}
	})
}

// W3: whatever is wrong with an assertion is 401, and opens nothing.
func TestPasskeyLoginRefusals(t *testing.T) {
	t.Parallel()
	type lies = platformtest.Lies
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		l := newLodge(t, b)
		mine, theirs := l.register(t, ann), l.register(t, bob)
		c := l.add(t, mine)
		d := l.add(t, theirs)
		unknown, _ := l.page.Create(t, l.creation(t, mine), lies{}) // never registered
		l.signIn(t, `{"email":"`+ann+`"}`)
		l.signIn(t, `{"email":"`+ann+`"}`)
		sessions := len(l.hall.sessions)
		cases := map[string]struct {
			key *platformtest.Credential
			lie lies
		}{
			"signature":           {c, lies{Signature: true}},
			"challenge":           {c, lies{Challenge: strings.Repeat("A", 43)}},
			"origin":              {c, lies{Origin: "https://evil.example.com"}},
			"framed":              {c, lies{CrossOrigin: true}},
			"relying party":       {c, lies{RPID: "evil.example.com"}},
			"ceremony type":       {c, lies{Type: "webauthn.create"}},
			"user verification":   {c, lies{Clear: platformtest.FlagUserVerified}},
			"user presence":       {c, lies{Clear: platformtest.FlagUserPresent}},
			"backup flags":        {c, lies{Set: platformtest.FlagBackedUp}},
			"foreign credential":  {d, lies{}},
			"foreign key":         {unknown, lies{As: c}},
			"unknown credential":  {unknown, lies{}},
			"foreign user handle": {c, lies{UserHandle: d.UserHandle}},
			"repeated counter":    {c, lies{Count: -1000}},
		}
		refuse := func(name string, r reply) {
			t.Helper()
			if r.status != http.StatusUnauthorized || !strings.Contains(r.body, "AUTHENTICATION_ERROR") || len(r.cookies) > 0 {
				t.Errorf("%s: %d %s %v", name, r.status, r.body, r.cookies)
			}
		}
		for _, body := range []string{`{"email":"` + ann + `"}`, `{}`} {
			for name, tc := range cases {
				if body == `{}` && name == "foreign credential" {
					continue // it is the other user's own there
				}
				if name == "repeated counter" { // the counter of the last use, and one below
					tc.lie.Count = -1
				}
				challenge, _ := member(t, l.request(t, body), "challenge").(string)
				refuse(body+" "+name, l.complete(t, l.page.Answer(t, tc.key, challenge, tc.lie)))
				c.Count = 2 // refused ones do not count
			}
			challenge, _ := member(t, l.request(t, body), "challenge").(string)
			refuse(body+" falling counter", l.complete(t, l.page.Answer(t, c, challenge, lies{Count: -2})))
			c.Count = 2
			challenge, _ = member(t, l.request(t, body), "challenge").(string)
			b.Clock.Advance(301 * time.Second)
			refuse(body+" expired challenge", l.complete(t, l.page.Answer(t, c, challenge, lies{})))
			c.Count = 2
		}
		l.hall.refresh()
		challenge, _ := member(t, l.request(t, `{}`), "challenge").(string)
		refuse("no user handle", l.complete(t, l.page.Answer(t, c, challenge, lies{NoUserHandle: true})))
		refuse("a registration's challenge", l.complete(t, l.page.Answer(t, c, member(t, l.creation(t, mine), "challenge").(string), lies{})))
		refuse("a sign-in's token", l.complete(t, l.page.Answer(t, c, l.challenge(t, ann), lies{})))
		if n := len(l.hall.sessions); n != sessions {
			t.Errorf("%d sessions, want %d", n, sessions)
		}
		// One answer is good for one sign-in.
		answer := l.page.Get(t, l.request(t, `{"email":"`+ann+`"}`), lies{})
		if r := l.complete(t, answer); r.status != http.StatusOK {
			t.Fatalf("sign in: %d %s", r.status, r.body)
		}
		refuse("the same again", l.complete(t, answer))
		// A second factor's answer belongs to one sign-in.
		first, second := l.challenge(t, ann), l.challenge(t, ann)
		answer = l.page.Get(t, l.request(t, `{"mfa_token":"`+first+`"}`), lies{})
		answer["mfa_token"] = second
		refuse("another sign-in's answer", l.complete(t, answer))
		l.want(t, http.StatusUnauthorized, "POST", webauthn+"/login/begin", "", `{"mfa_token":"`+strings.Repeat("A", 43)+`"}`)
	})
}

// Authenticators that do not count stay at 0.
func TestPasskeyWithoutCounter(t *testing.T) {
	t.Parallel()
	l := newLodge(t, platformtest.SQLite(t, lines()...))
	l.page.Uncounted = true
	l.add(t, l.register(t, ann))
	for range 3 {
		l.signIn(t, `{}`)
	}
}

// Of many callers with one assertion, and of many assertions with one counter, one succeeds.
func TestPasskeyRace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		l := newLodge(t, b)
		c := l.add(t, l.register(t, ann))
		race := func(name string, answers []map[string]any) {
			var won sync.Map
			var all sync.WaitGroup
			for i, answer := range answers {
				all.Go(func() {
					switch r := l.complete(t, answer); r.status {
					case http.StatusOK:
						won.Store(i, true)
					case http.StatusUnauthorized:
					default:
						t.Errorf("%s: %d %s", name, r.status, r.body)
					}
				})
			}
			all.Wait()
			n := 0
			won.Range(func(any, any) bool { n++; return true })
			if n != 1 {
				t.Errorf("%s: %d of %d succeeded", name, n, len(answers))
			}
		}
		same := make([]map[string]any, 64)
		answer := l.page.Get(t, l.request(t, `{}`), platformtest.Lies{})
		for i := range same {
			same[i] = answer
		}
		race("one assertion", same)
		count := c.Count
		copies := make([]map[string]any, 16)
		for i := range copies {
			c.Count = count
			copies[i] = l.page.Get(t, l.request(t, `{}`), platformtest.Lies{})
		}
		race("one counter", copies)
	})
}

// A passkey proves again who somebody is.
func TestPasskeyProve(t *testing.T) {
	t.Parallel()
	l := newLodge(t, platformtest.SQLite(t, lines()...))
	token := l.register(t, ann)
	l.add(t, token)
	other := l.register(t, bob)
	p, err := l.hall.Authenticate(t.Context(), token)
	q, err2 := l.hall.Authenticate(t.Context(), other)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	assertion := func() []byte {
		return []byte(text(t, l.page.Get(t, l.request(t, `{"email":"`+ann+`"}`), platformtest.Lies{})))
	}
	if method, err := l.passkeys.ProveJSON(t.Context(), p, assertion()); err != nil || method != factor.MethodPasskey {
		t.Errorf("prove: %s, %v", method, err)
	}
	if _, err := l.passkeys.ProveJSON(t.Context(), q, assertion()); err == nil {
		t.Error("somebody else's passkey proves who one is")
	}
	used := assertion()
	if _, err := l.passkeys.ProveJSON(t.Context(), p, used); err != nil {
		t.Error(err)
	}
	for _, again := range [][]byte{used, []byte(`[]`), []byte(`{}`)} {
		if _, err := l.passkeys.ProveJSON(t.Context(), p, again); !errors.Is(err, apperr.ErrAuthentication) {
			t.Errorf("%s proves: %v", again, err)
		}
	}
}

func TestPasskeyConfig(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config factor.PasskeyConfig
		ok     bool
	}{
		"derived":                {factor.DefaultPasskeyConfig(), true},
		"parent domain":          {factor.PasskeyConfig{ID: "example.com", Name: "x", Origins: []string{"https://a.example.com", "https://b.example.com:8443"}}, true},
		"no name":                {factor.PasskeyConfig{}, false},
		"a path":                 {factor.PasskeyConfig{Name: "x", Origins: []string{"https://example.com/"}}, false},
		"no origin":              {factor.PasskeyConfig{Name: "x", Origins: []string{"example.com"}}, false},
		"another domain":         {factor.PasskeyConfig{ID: "example.com", Name: "x", Origins: []string{"https://badexample.com"}}, false},
		"an address as a domain": {factor.PasskeyConfig{ID: "https://example.com", Name: "x"}, false},
	} {
		if err := tc.config.Validate(); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
