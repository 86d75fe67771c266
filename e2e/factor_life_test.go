package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// guess is a guess at a sign-in that waits, wrong unless a code is given.
func guess(mark, code string) harness.Call {
	if code == "" {
		code = "0000000000000000"
	}
	return harness.Call{Path: totpPath + "verify", Body: map[string]any{"mfa_token": mark, "code": code, "is_backup_code": len(code) == 16}}
}

// asked logs in and returns the token of the sign-in that waits for a second factor.
func asked(t *testing.T, s *harness.Server, u harness.User) string {
	t.Helper()
	a := s.Do(t, harness.LoginCall(u.Email, u.Password)).Want(t, http.StatusOK)
	mark := a.Text("data", "mfa_token")
	if mark == "" || a.Value("data", "token") != nil || cookieOf(a) != nil {
		t.Fatalf("nothing is asked: %s", a.Body)
	}
	for _, line := range a.Header.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err != nil || strings.HasSuffix(c.Name, "authy2_mfa") && c.MaxAge != 300 {
			t.Errorf("the cookie of a sign-in is %q, %v", line, err)
		}
	}
	return mark
}

// A sign-in waits for ten guesses and five minutes, on all processes together; then the
// password is asked again.
func TestSignInsWaitForAWhile(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		u := first.Register(t)
		a := enrollApp(t, first, u.Token)
		refused := func(what string, s *harness.Server, mark, code string) {
			t.Helper()
			if a := s.Do(t, guess(mark, code)); a.Status != http.StatusUnauthorized || a.Text("error", "type") != "AUTHENTICATION_ERROR" {
				t.Errorf("%s: %d %s", what, a.Status, a.Body)
			}
		}
		mark := asked(t, first, u)
		for i := range 9 {
			refused("a wrong guess", sys.Servers[i%len(sys.Servers)], mark, "")
		}
		last.Do(t, guess(mark, a.codes[0])).Want(t, http.StatusOK) // the tenth

		mark = asked(t, last, u)
		for i := range 10 {
			refused("a wrong guess", sys.Servers[i%len(sys.Servers)], mark, "")
		}
		refused("the eleventh guess", first, mark, a.codes[1])
		refused("the eleventh guess", last, mark, a.codes[1])
		mark = asked(t, last, u)
		for _, wrong := range together(t, 32, func(i int) (*harness.Answer, error) {
			return sys.Servers[i%len(sys.Servers)].Try(t.Context(), guess(mark, ""))
		}) {
			if wrong.Status != http.StatusUnauthorized {
				t.Errorf("a wrong guess: %d %s", wrong.Status, wrong.Body)
			}
		}
		refused("after guesses at one instant", first, mark, a.codes[1])
		last.Do(t, guess(asked(t, first, u), a.codes[1])).Want(t, http.StatusOK)

		mark = asked(t, first, u)
		begun := first.Do(t, harness.Call{Path: harness.WebAuthnPath + "/login/begin", Body: map[string]any{"email": u.Email}}).Want(t, http.StatusOK)
		if begun.Text("challenge") == "" {
			t.Errorf("options %s", begun.Body)
		}
		later := `UPDATE identity_challenges SET expires_at = created_at`
		if n := sys.One(t, `SELECT count(*) FROM identity_challenges WHERE user_id = '`+u.ID+`' AND expires_at > created_at`); n == "0" {
			t.Error("no sign-in waits")
		}
		sys.Exec(t, later)
		refused("five minutes later", last, mark, a.codes[2])
		first.Do(t, harness.Call{Path: harness.WebAuthnPath + "/login/begin", Body: map[string]any{"mfa_token": mark}}).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		last.Do(t, guess(asked(t, first, u), a.codes[2])).Want(t, http.StatusOK) // it was not used up

		// So it is with passkeys.
		v := first.Register(t)
		_, made := first.NewPasskey(t, v.Token)
		sys.Exec(t, later)
		first.Do(t, made).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		p := first.AddPasskey(t, v.Token)
		in := first.PasskeyLogin(t, p)
		sys.Exec(t, later)
		first.Do(t, in).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		first.Do(t, first.PasskeyLogin(t, p)).Want(t, http.StatusOK)
		if out, code := sys.CLI(t, nil, "jobs", "run", "cleanup_challenges"); code != 0 {
			t.Errorf("cleanup_challenges: %d\n%s", code, out)
		}
		if n := sys.One(t, `SELECT count(*) FROM identity_challenges WHERE expires_at <= created_at`); n != "0" {
			t.Errorf("%s challenges that are over are kept", n)
		}
	})
}

// Who recovers an account by mail still needs its second factor, and so does who changes
// its password: neither a device that was remembered before nor a sign-in that waited
// gets past it.
func TestRecoveryNeverSkipsTheSecondFactor(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		proven := func() harness.User {
			u := first.Register(t)
			last.Do(t, verify(sys.AwaitMail(t, verifyMail, u.Email, 1).Token(t))).Want(t, http.StatusOK)
			u.Token = first.Login(t, u)
			return u
		}
		regain := func(u *harness.User) {
			t.Helper()
			before := len(sys.Mails(t, resetMail, u.Email))
			last.Do(t, forgot(u.Email)).Want(t, http.StatusOK)
			u.Password = sys.NewUser().Password
			a := first.Do(t, reset(sys.AwaitMail(t, resetMail, u.Email, before+1).Token(t), u.Password)).Want(t, http.StatusOK)
			if a.Value("data", "token") != nil || len(a.Header.Values("Set-Cookie")) > 0 {
				t.Errorf("a recovery answers %v %s", a.Header, a.Body)
			}
		}
		u := proven()
		a := enrollApp(t, first, u.Token)
		in := last.Do(t, secondStep(t, first, u, a.codes[0], map[string]any{"is_backup_code": true, "remember_device": true})).Want(t, http.StatusOK)
		device := map[string]string{"Cookie": deviceCookie(t, in)}
		waiting := asked(t, first, u)
		regain(&u)
		for _, s := range sys.Servers {
			s.Do(t, harness.Me(u.Token)).Want(t, http.StatusUnauthorized)
			s.Do(t, harness.Me(in.Text("data", "token"))).Want(t, http.StatusUnauthorized)
			s.Do(t, guess(waiting, a.codes[1])).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
			call := harness.LoginCall(u.Email, u.Password)
			call.Header = device
			if again := s.Do(t, call).Want(t, http.StatusOK); again.Value("data", "token") != nil || again.Text("data", "mfa_token") == "" {
				t.Errorf("after a recovery a device is still known: %s", again.Body)
			}
		}
		u.Token = last.Do(t, guess(asked(t, first, u), a.codes[1])).Want(t, http.StatusOK).Text("data", "token")
		wantStatus(t, sys, u.Token, true, 8)

		// A change of the password voids what waits, too.
		waiting = asked(t, last, u)
		old := u.Password
		u.Password = sys.NewUser().Password
		first.Do(t, changePassword(u, old, u.Password)).Want(t, http.StatusOK)
		last.Do(t, guess(waiting, a.codes[2])).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		last.Do(t, guess(asked(t, first, u), a.codes[2])).Want(t, http.StatusOK)

		// Passkeys are a second factor like any other.
		v := proven()
		p := first.AddPasskey(t, v.Token)
		regain(&v)
		mark := asked(t, last, v)
		first.Do(t, guess(mark, "000000")).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		call := first.PasskeyLogin(t, p)
		first.Do(t, call).Want(t, http.StatusOK)
	})
}
