package factor_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/platformtest"
)

// Whoever has no passkey but one that does not check its user can step up with it, and
// nothing else: what was asked for a step-up signs nobody in.
func TestPasskeyWithoutVerificationStepsUp(t *testing.T) {
	t.Parallel()
	l := newLodge(t, platformtest.SQLite(t, lines()...))
	token := l.register(t, ann)
	l.page.Unverified = true
	l.add(t, token)
	who, err := l.hall.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(body string) []byte {
		options := l.request(t, body)
		if got := member(t, options, "userVerification"); got != "preferred" {
			t.Errorf("%s asks for user verification: %v", body, got)
		}
		return options
	}
	prove := func(body string) error {
		_, err := l.passkeys.ProveJSON(t.Context(), who, []byte(text(t, l.page.Get(t, ask(body), platformtest.Lies{}))))
		return err
	}
	if err := prove(`{"email":"` + ann + `","step_up":true}`); err != nil {
		t.Errorf("step up: %v", err)
	}
	if err := prove(`{"step_up":true}`); err != nil {
		t.Errorf("step up without an address: %v", err)
	}
	for _, body := range []string{`{"email":"` + ann + `","step_up":true}`, `{"step_up":true}`} {
		for _, unverified := range []bool{true, false} {
			l.page.Unverified = unverified
			if r := l.complete(t, l.page.Get(t, ask(body), platformtest.Lies{})); r.status != http.StatusUnauthorized {
				t.Errorf("%s signs in: %d %s", body, r.status, r.body)
			}
		}
	}
	l.page.Unverified = true
	// A sign-in that waits is not continued by a step-up, nor the other way round.
	waiting := l.challenge(t, ann)
	answer := l.page.Get(t, ask(`{"email":"`+ann+`","step_up":true}`), platformtest.Lies{})
	answer["mfa_token"] = waiting
	if r := l.complete(t, answer); r.status != http.StatusUnauthorized {
		t.Errorf("a step-up completes a sign-in: %d %s", r.status, r.body)
	}
	second := l.page.Get(t, l.request(t, `{"mfa_token":"`+waiting+`"}`), platformtest.Lies{})
	if _, err := l.passkeys.ProveJSON(t.Context(), who, []byte(text(t, second))); !errors.Is(err, factor.ErrPasskey) {
		t.Errorf("the options of a sign-in step up: %v", err)
	}
	// Somebody else's step-up is not one's own.
	other, err := l.hall.Authenticate(t.Context(), l.register(t, bob))
	if err != nil {
		t.Fatal(err)
	}
	foreign := l.page.Get(t, ask(`{"email":"`+ann+`","step_up":true}`), platformtest.Lies{})
	if _, err := l.passkeys.ProveJSON(t.Context(), other, []byte(text(t, foreign))); !errors.Is(err, factor.ErrPasskey) {
		t.Errorf("somebody else's passkey steps up: %v", err)
	}
}

// Whether an address has a passkey is not found out by registering what seems to be its
// passkey, nor by the work that an answer makes.
func TestPasskeyDecoysLookReal(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		l := newLodge(t, b)
		stranger := l.register(t, "mallory@example.com")
		l.add(t, l.register(t, ann))
		l.register(t, bob)
		work := map[string]int{}
		for i, email := range []string{ann, bob, "nobody@example.com", "n1@example.com", "n2@example.com", "n3@example.com", "n4@example.com", "n5@example.com"} {
			allow, _ := member(t, l.request(t, `{"email":"`+email+`"}`), "allowCredentials").([]any)
			id, err := base64.RawURLEncoding.DecodeString(allow[0].(map[string]any)["id"].(string))
			if err != nil {
				t.Fatal(err)
			}
			seen := &platformtest.Credential{ID: id}
			_, made := l.page.Create(t, l.creation(t, stranger), platformtest.Lies{As: seen})
			if r := l.do(t, "POST", webauthn+"/register/complete", stranger, text(t, made)); r.status != http.StatusConflict {
				t.Errorf("%s: what seems to be the passkey is registered: %d %s", email, r.status, r.body)
			}
			if i > 2 {
				continue
			}
			c, _ := platformtest.NewAuthenticator(origin).Create(t, l.creation(t, stranger), platformtest.Lies{})
			c.RPID = rpID
			challenge, _ := member(t, l.request(t, `{"email":"`+email+`"}`), "challenge").(string)
			answer := l.page.Answer(t, c, challenge, platformtest.Lies{As: seen, NoUserHandle: true})
			before := b.Statements()
			if r := l.complete(t, answer); r.status != http.StatusUnauthorized {
				t.Errorf("%s: a foreign passkey signs in: %d %s", email, r.status, r.body)
			}
			work[email] = b.Statements() - before
		}
		if work[ann] != work[bob] || work[ann] != work["nobody@example.com"] {
			t.Errorf("the work of an answer tells who has a passkey: %v statements", work)
		}
	})
}

// A factor is a key to everything that asks for a recent proof: whoever holds an old session
// gives the account none, however many the account has.
func TestAnOldSessionPreparesNoFactor(t *testing.T) {
	t.Parallel()
	l := newLodge(t, platformtest.SQLite(t, lines()...))
	token := l.register(t, ann)
	l.want(t, http.StatusCreated, "POST", "/api/v1/auth/totp/enroll", token, "")
	l.creation(t, token)
	for range 2 { // without a factor, and with one
		l.Clock.Advance(5*time.Minute + time.Second)
		for _, path := range []string{"/api/v1/auth/totp/enroll", webauthn + "/register/begin"} {
			r := l.do(t, "POST", path, token, "")
			if r.status != http.StatusUnauthorized || !strings.Contains(r.body, "STEP_UP_REQUIRED") {
				t.Errorf("%s: %d %s", path, r.status, r.body)
			}
		}
		l.hall.refresh()
		l.add(t, token)
	}
}
