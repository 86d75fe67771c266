package e2e_test

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// The purposes of the mails of accounts.
const (
	verifyMail          = "identity.verify_email"
	resetMail           = "identity.reset_password"
	changeMail          = "identity.change_email"
	resetDoneMail       = "identity.password_reset_done"
	passwordChangedMail = "identity.password_changed"
	changeAskedMail     = "identity.email_change_requested"
	changedMail         = "identity.email_changed"
)

func gone(t *testing.T, s *harness.Server, c harness.Call) {
	t.Helper()
	s.Do(t, c).WantError(t, http.StatusGone, "GONE")
}

// refusedLogin checks that nobody gets in with the password.
func refusedLogin(t *testing.T, sys *harness.System, email, password string) {
	t.Helper()
	for _, s := range sys.Servers {
		s.Do(t, harness.LoginCall(email, password)).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
	}
}

var linkInMail = regexp.MustCompile(`https?://\S+`)

// Somebody registers, verifies the address, forgets the password and chooses another: every
// session is dead, the old password is worth nothing, and so is every token but the newest,
// once.
func TestRecovery(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		u := first.Register(t)
		if first.Do(t, harness.Me(u.Token)).Value("data", "user", "email_verified") != false {
			t.Error("an address is verified before anybody proved it")
		}
		older := sys.AwaitMail(t, verifyMail, u.Email, 1).Token(t)
		forged := resend(u.Email) // links come from the configuration
		forged.Header = map[string]string{"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
		last.Do(t, forged).Want(t, http.StatusOK)
		newer := sys.AwaitMail(t, verifyMail, u.Email, 2).Token(t)
		gone(t, first, verify(older))
		gone(t, first, reset(newer, sys.NewUser().Password)) // of another purpose
		openLinks(t, sys, u.Email, verifyMail)
		a := last.Do(t, verify(newer)).Want(t, http.StatusOK)
		if a.Text("data", "user", "email") != u.Email || a.Value("data", "user", "email_verified") != true || cookieOf(a) != nil || a.Value("data", "token") != nil {
			t.Errorf("verifying answers %s", a.Body)
		}
		gone(t, first, verify(newer))
		for _, s := range sys.Servers { // the session lives on and knows
			if me := s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK); me.Value("data", "user", "email_verified") != true {
				t.Errorf("me says %s", me.Body)
			}
		}
		last.Do(t, resend(u.Email)).Want(t, http.StatusOK) // nothing to verify: no mail, seen below

		other := last.Login(t, u)
		first.Do(t, forgot(strings.ToUpper(u.Email))).Want(t, http.StatusOK)
		older = sys.AwaitMail(t, resetMail, u.Email, 1).Token(t)
		last.Do(t, forgot(u.Email)).Want(t, http.StatusOK)
		newer = sys.AwaitMail(t, resetMail, u.Email, 2).Token(t)
		fresh := sys.NewUser().Password
		gone(t, last, reset(older, fresh))
		gone(t, last, verify(newer))
		openLinks(t, sys, u.Email, resetMail)
		for name, c := range map[string]harness.Call{
			"weak": reset(newer, "password"), "the address": reset(newer, u.Email), "short": reset(newer, "short"),
			"unequal": {Path: resetPath, Body: map[string]any{"token": newer, "password": fresh, "password_confirm": fresh + "x"}},
			"no form": reset("no-token", fresh),
		} {
			if a := first.Do(t, c); a.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
		for _, token := range []string{u.Token, other} { // asking ends nothing
			last.Do(t, harness.Me(token)).Want(t, http.StatusOK)
		}
		a = first.Do(t, reset(newer, fresh)).Want(t, http.StatusOK)
		if a.Value("data", "token") != nil || cookieOf(a) != nil {
			t.Errorf("a reset signs somebody in: %s", a.Body)
		}
		for _, s := range sys.Servers {
			for _, token := range []string{u.Token, other} {
				s.Do(t, harness.Me(token)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
			}
			gone(t, s, reset(newer, sys.NewUser().Password))
		}
		refusedLogin(t, sys, u.Email, u.Password)
		sys.AwaitMail(t, resetDoneMail, u.Email, 1)
		u.Password = fresh
		u.Token = last.Login(t, u)

		// A changed password ends what was asked for before.
		first.Do(t, forgot(u.Email)).Want(t, http.StatusOK)
		pending := sys.AwaitMail(t, resetMail, u.Email, 3).Token(t)
		fresh = sys.NewUser().Password
		last.Do(t, changePassword(u, u.Password, fresh)).Want(t, http.StatusOK)
		gone(t, first, reset(pending, sys.NewUser().Password))
		sys.AwaitMail(t, passwordChangedMail, u.Email, 1)
		u.Password = fresh
		first.Login(t, u)

		post{sys: sys}.settle(t, 0, 15*time.Second)
		for purpose, want := range map[string]int{verifyMail: 2, resetMail: 3, resetDoneMail: 1, passwordChangedMail: 1} {
			if got := len(sys.Mails(t, purpose, u.Email)); got != want {
				t.Errorf("%d mails of %s, want %d", got, purpose, want)
			}
		}
		noTokenAtRest(t, sys, older, newer, pending)
	})
}

// openLinks does what programs do that look for harm in mails: it opens every link, and
// takes nothing from it.
func openLinks(t *testing.T, sys *harness.System, email, purpose string) {
	t.Helper()
	mails := sys.Mails(t, purpose, email)
	for _, link := range linkInMail.FindAllString(mails[len(mails)-1].Text, -1) {
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		known := false
		for _, s := range sys.Servers {
			known = known || s.URL == "http://"+u.Host
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				if _, err := s.Try(t.Context(), harness.Call{Method: method, Path: u.RequestURI()}); err != nil {
					t.Error(err)
				}
			}
		}
		if !known {
			t.Errorf("a mail leads to %s", u.Host)
		}
	}
}

// noTokenAtRest looks for tokens, in clear and as bytes in a dump, in what is kept.
func noTokenAtRest(t *testing.T, sys *harness.System, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		sys.Secret(token, hex.EncodeToString([]byte(token)))
	}
	noSecretAtRest(t, sys)
}

// Whoever changes the address proves the new one; the old one is told, twice, and is worth
// nothing afterwards.
func TestChangeOfAddress(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		u, taken := first.Register(t), last.Register(t)
		last.Do(t, changeEmail(u, taken.Email)).WantError(t, http.StatusConflict, "CONFLICT")
		last.Do(t, changeEmail(u, u.Email)).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		wrong := u
		wrong.Password = "Wrong-password-1"
		last.Do(t, changeEmail(wrong, sys.NewUser().Email)).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")

		old, moved := u.Email, sys.NewUser().Email
		last.Do(t, changeEmail(u, strings.ToUpper(moved))).Want(t, http.StatusOK)
		if notice := sys.AwaitMail(t, changeAskedMail, old, 1); !strings.Contains(notice.Text, moved) || strings.Contains(notice.Text, "token=") {
			t.Errorf("the old address is told:\n%s", notice.Text)
		}
		older := sys.AwaitMail(t, changeMail, moved, 1).Token(t)
		last.Do(t, changeEmail(u, moved)).Want(t, http.StatusOK)
		token := sys.AwaitMail(t, changeMail, moved, 2).Token(t)
		first.Do(t, forgot(old)).Want(t, http.StatusOK)
		pending := sys.AwaitMail(t, resetMail, old, 1).Token(t)
		first.Do(t, harness.LoginCall(moved, u.Password)).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		gone(t, first, verify(older))
		gone(t, first, reset(token, sys.NewUser().Password))
		a := first.Do(t, verify(token)).Want(t, http.StatusOK)
		if a.Text("data", "user", "email") != moved || a.Value("data", "user", "email_verified") != true {
			t.Errorf("confirming answers %s", a.Body)
		}
		for _, s := range sys.Servers {
			if me := s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK); me.Text("data", "user", "email") != moved {
				t.Errorf("me says %s", me.Body)
			}
			gone(t, s, verify(token))
			gone(t, s, reset(pending, sys.NewUser().Password)) // it was mailed to the old address
		}
		if notice := sys.AwaitMail(t, changedMail, old, 1); !strings.Contains(notice.Text, moved) {
			t.Errorf("the old address is told:\n%s", notice.Text)
		}
		refusedLogin(t, sys, old, u.Password)
		u.Email = moved
		last.Login(t, u)
		// The old address is free again.
		fresh := sys.NewUser()
		fresh.Email = old
		first.Do(t, harness.Call{Path: registerPath, Body: fresh.Registration()}).Want(t, http.StatusCreated)

		// Somebody else may have got the new address meanwhile; a changed password takes
		// the wish back.
		wanted := sys.NewUser()
		first.Do(t, changeEmail(u, wanted.Email)).Want(t, http.StatusOK)
		token = sys.AwaitMail(t, changeMail, wanted.Email, 1).Token(t)
		last.Do(t, harness.Call{Path: registerPath, Body: wanted.Registration()}).Want(t, http.StatusCreated)
		first.Do(t, verify(token)).WantError(t, http.StatusConflict, "CONFLICT")
		unwanted := sys.NewUser()
		last.Do(t, changeEmail(u, unwanted.Email)).Want(t, http.StatusOK)
		token = sys.AwaitMail(t, changeMail, unwanted.Email, 1).Token(t)
		first.Do(t, changePassword(u, u.Password, sys.NewUser().Password)).Want(t, http.StatusOK)
		gone(t, last, verify(token))
		noTokenAtRest(t, sys, older, pending, token)
	})
}

// What is answered to an address is the same to the byte, whether somebody has it or not,
// and so is what is mailed to those who are nobody: nothing.
func TestRecoveryTellsNobody(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u, verified, suspended := s.Register(t), s.Register(t), s.Register(t)
		s.Do(t, verify(sys.AwaitMail(t, verifyMail, verified.Email, 1).Token(t))).Want(t, http.StatusOK)
		if out, code := sys.CLI(t, nil, "users", "suspend", suspended.Email); code != 0 {
			t.Fatalf("authy2 users suspend: exit code %d\n%s", code, out)
		}
		post{sys: sys}.settle(t, 0, 15*time.Second)
		before := sys.One(t, `SELECT count(*) FROM platform_mails`)
		nobody := sys.NewUser().Email
		for _, call := range []func(string) harness.Call{forgot, resend} {
			answers := map[string]string{}
			for who, email := range map[string]string{"registered": u.Email, "verified": verified.Email, "suspended": suspended.Email, "nobody": nobody, "nobody on ümlaut.example": "x@ümlaut.example"} {
				c := call(email)
				c.Header = map[string]string{"X-Request-ID": "the-same-for-all"}
				a := s.Do(t, c).Want(t, http.StatusOK)
				h := a.Header.Clone()
				h.Del("Date")
				answers[who] = fmt.Sprint(a.Status, h, string(a.Body))
			}
			for who, answer := range answers {
				if answer != answers["nobody"] {
					t.Errorf("%s is answered\n%s\nand nobody\n%s", who, answer, answers["nobody"])
				}
			}
			s.Do(t, call("no address")).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		}
		post{sys: sys}.settle(t, 0, 15*time.Second)
		// Two recoveries, of those who may sign in, and one verification.
		if got := sys.One(t, `SELECT count(*) - `+before+` FROM platform_mails`); got != "3" {
			t.Errorf("%s mails, want 3", got)
		}
		sys.AwaitMail(t, resetMail, u.Email, 1)
		sys.AwaitMail(t, resetMail, verified.Email, 1)
		sys.AwaitMail(t, verifyMail, u.Email, 2)
	})
}

// Where addresses must be verified nobody signs in before, and only the right password is
// told why.
func TestVerifiedAddressesOnly(t *testing.T) {
	t.Parallel()
	options := harness.Options{Env: map[string]string{
		"IDENTITY_REQUIRE_VERIFIED_EMAIL": "true", "PASSWORD_RESET_URL": "https://app.example/reset?token={token}", "EMAIL_VERIFY_URL": "https://app.example/verify/{token}?from=mail",
	}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		register := func() harness.User {
			u := sys.NewUser()
			a := first.Do(t, harness.Call{Path: registerPath, Body: u.Registration()}).Want(t, http.StatusCreated)
			if a.Value("data", "token") != nil || cookieOf(a) != nil || a.Text("data", "user", "id") == "" {
				t.Errorf("a registration answers %s", a.Body)
			}
			return u
		}
		u := register()
		last.Do(t, harness.LoginCall(u.Email, u.Password)).WantError(t, http.StatusForbidden, "EMAIL_NOT_VERIFIED")
		refusedLogin(t, sys, u.Email, "Wrong-password-1")
		m := sys.AwaitMail(t, verifyMail, u.Email, 1)
		if link := "https://app.example/verify/" + m.Token(t) + "?from=mail"; !strings.Contains(m.Text, link) || !strings.Contains(m.HTML, link) {
			t.Errorf("the mail does not lead to %s:\n%s", link, m.Text)
		}
		last.Do(t, verify(m.Token(t))).Want(t, http.StatusOK)
		first.Login(t, u)
		// A recovery proves the address as well.
		v := register()
		first.Do(t, forgot(v.Email)).Want(t, http.StatusOK)
		m = sys.AwaitMail(t, resetMail, v.Email, 1)
		if !strings.Contains(m.Text, "https://app.example/reset?token="+m.Token(t)) {
			t.Errorf("the mail leads elsewhere:\n%s", m.Text)
		}
		first.Do(t, harness.LoginCall(v.Email, v.Password)).WantError(t, http.StatusForbidden, "EMAIL_NOT_VERIFIED")
		old := v.Password
		v.Password = sys.NewUser().Password
		last.Do(t, reset(m.Token(t), v.Password)).Want(t, http.StatusOK)
		refusedLogin(t, sys, v.Email, old)
		first.Login(t, v)
	})
}

// Of 64 who bring one token at one instant, one gets it.
func TestOneTokenManyBearers(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		changed := sys.NewUser().Email
		passwords := make([]string, 64)
		for i := range passwords {
			passwords[i] = sys.NewUser().Password
		}
		race := func(what string, call func(i int) harness.Call) (winner int) {
			t.Helper()
			won := 0
			for i, a := range together(t, len(passwords), func(i int) (*harness.Answer, error) {
				return sys.Servers[i%len(sys.Servers)].Try(t.Context(), call(i))
			}) {
				switch {
				case a.Status == http.StatusOK:
					won++
					winner = i
				case a.Status != http.StatusGone:
					t.Errorf("%s: status %d: %s", what, a.Status, a.Body)
				}
			}
			if won != 1 {
				t.Errorf("%s: %d succeed, want 1", what, won)
			}
			return winner
		}
		token := sys.AwaitMail(t, verifyMail, u.Email, 1).Token(t)
		race("verify", func(int) harness.Call { return verify(token) })
		sys.First().Do(t, changeEmail(u, changed)).Want(t, http.StatusOK)
		token = sys.AwaitMail(t, changeMail, changed, 1).Token(t)
		race("change", func(int) harness.Call { return verify(token) })
		sys.Last().Do(t, forgot(changed)).Want(t, http.StatusOK)
		token = sys.AwaitMail(t, resetMail, changed, 1).Token(t)
		winner := race("reset", func(i int) harness.Call { return reset(token, passwords[i]) })
		u.Email, u.Password = changed, passwords[winner]
		sys.First().Login(t, u)
		refusedLogin(t, sys, changed, passwords[(winner+1)%len(passwords)])
		if got := sys.One(t, `SELECT count(*) FROM audit_entries WHERE action = 'user.password_reset' AND success`); got != "1" {
			t.Errorf("%s resets are in the trail", got)
		}
		post{sys: sys}.settle(t, 0, 15*time.Second)
		if got := len(sys.Mails(t, resetDoneMail, changed)); got != 1 {
			t.Errorf("%d notices of one reset", got)
		}
	})
}
