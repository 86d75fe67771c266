package e2e_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// oathtool computes what an app of somebody else's making shows so many steps from now.
func (a app) oathtool(t testing.TB, steps int64) string {
	t.Helper()
	at := "@" + strconv.FormatInt(time.Now().Unix()+30*steps, 10)
	out, err := exec.CommandContext(t.Context(), harness.Tools(t).OATHTool, "--totp", "--base32", "--now", at, a.secret).Output()
	if err != nil {
		t.Fatalf("oathtool: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// scan reads the QR code in a data URI with a program that knows nothing of us.
func scan(t testing.TB, uri string) string {
	t.Helper()
	data, ok := strings.CutPrefix(uri, "data:image/png;base64,")
	picture, err := base64.StdEncoding.DecodeString(data)
	if !ok || err != nil {
		t.Fatalf("no picture: %.60s, %v", uri, err)
	}
	cmd := exec.CommandContext(t.Context(), harness.Tools(t).ZBarImg, "--quiet", "--raw", "--oneshot", "-")
	cmd.Stdin = bytes.NewReader(picture)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("zbarimg: %v", err)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// inOneStep repeats what it is given when a time step began meanwhile: codes that are too
// new or too old by one step may have come into their time.
func inOneStep(t testing.TB, attempt func() *harness.Answer) *harness.Answer {
	t.Helper()
	for range 5 {
		step := time.Now().Unix() / 30
		a := attempt()
		if time.Now().Unix()/30 == step {
			return a
		}
	}
	t.Fatal("a request takes longer than a time step")
	return nil
}

// earlyInStep waits until a time step has so much left.
func earlyInStep(t testing.TB, left time.Duration) {
	t.Helper()
	harness.Eventually(t, 31*time.Second, "a time step begins", func() bool {
		return 30*time.Second-time.Duration(time.Now().UnixMilli()%30_000)*time.Millisecond > left
	})
}

func totpStatus(token string) harness.Call {
	return harness.Call{Path: totpPath + "status", Token: token}
}

func wantStatus(t *testing.T, sys *harness.System, token string, enabled bool, codes int) {
	t.Helper()
	for _, s := range sys.Servers {
		a := s.Do(t, totpStatus(token)).Want(t, http.StatusOK)
		if a.Value("data", "totp_enabled") != enabled || a.Value("data", "backup_codes_remaining") != float64(codes) || (a.Value("data", "verified_at") != nil) != enabled {
			t.Errorf("the status is %s, want %t and %d codes", a.Body, enabled, codes)
		}
		if enabled {
			a.Time(t, "data", "verified_at")
		}
	}
}

// An authenticator app is set up, asked for, and given up: T1 to T6, T10.
func TestAuthenticatorApp(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		u := first.Register(t)
		wantStatus(t, sys, u.Token, false, 0)
		first.Do(t, verifyApp(u.Token, "123456")).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		first.Do(t, harness.Call{Method: http.MethodPost, Path: totpPath + "enroll", Token: u.Token}).Want(t, http.StatusCreated)
		made := last.Do(t, harness.Call{Method: http.MethodPost, Path: totpPath + "enroll", Token: u.Token}).Want(t, http.StatusCreated)
		uri := made.Text("data", "provisioning_uri")
		a := app{secret: made.Text("data", "secret")}
		codes, _ := made.Value("data", "backup_codes").([]any)
		for _, c := range codes {
			text, _ := c.(string)
			if !regexp.MustCompile(`^[0-9A-F]{16}$`).MatchString(text) || slices.Contains(a.codes, text) {
				t.Errorf("recovery code %q", text)
			}
			a.codes = append(a.codes, text)
		}
		parsed, err := url.Parse(uri)
		if err != nil || parsed.Scheme != "otpauth" || parsed.Host != "totp" || !strings.HasSuffix(parsed.Path, ":"+u.Email) ||
			parsed.Query().Get("secret") != a.secret || parsed.Query().Get("issuer") == "" || !regexp.MustCompile(`^[A-Z2-7]{32}$`).MatchString(a.secret) || len(a.codes) != 10 {
			t.Errorf("an app is prepared by %q, %d codes, %v", uri, len(a.codes), err)
		}
		if got := scan(t, made.Text("data", "qr_code")); got != uri {
			t.Errorf("the picture says %q, the text %q", got, uri)
		}
		sys.Secret(a.secret, a.codes[0], a.codes[9])
		wantStatus(t, sys, u.Token, false, 0)
		first.Login(t, u) // nothing is asked before the app has shown a code

		for _, malformed := range []any{"12345", "1234567", "abcdef", "12 456", 123456, "", nil} {
			last.Do(t, harness.Call{Path: totpPath + "verify-enrollment", Token: u.Token, Body: map[string]any{"code": malformed}}).
				WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		}
		for _, steps := range []int64{-2, 2, 20} {
			inOneStep(t, func() *harness.Answer { return last.Do(t, verifyApp(u.Token, a.oathtool(t, steps))) }).
				WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		}
		earlyInStep(t, 8*time.Second)
		other := last.Login(t, u)
		last.Do(t, verifyApp(u.Token, a.oathtool(t, -1))).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			s.Do(t, harness.Me(other)).Want(t, http.StatusUnauthorized)
		}
		wantStatus(t, sys, u.Token, true, 10)
		first.Do(t, verifyApp(u.Token, a.oathtool(t, 0))).Want(t, http.StatusOK) // once more changes nothing
		first.Do(t, harness.Call{Method: http.MethodPost, Path: totpPath + "enroll", Token: u.Token}).WantError(t, http.StatusConflict, "CONFLICT")
		sys.AwaitMail(t, "identity.totp_enabled", u.Email, 1)

		// The password is half of it.
		asked := first.Do(t, harness.LoginCall(u.Email, u.Password)).Want(t, http.StatusOK)
		if asked.Value("data", "requires_totp") != true || asked.Value("data", "token") != nil || cookieOf(asked) != nil || asked.Text("data", "mfa_token") == "" {
			t.Errorf("a log-in is answered %s", asked.Body)
		}
		code := a.oathtool(t, 0)
		verify := func(mark string) harness.Call {
			body := map[string]any{"code": code}
			if mark != "" {
				body["mfa_token"] = mark
			}
			return harness.Call{Path: totpPath + "verify", Body: body}
		}
		last.Do(t, verify("")).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		last.Do(t, verify(strings.Repeat("A", 43))).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		call := verify("")
		call.Header = map[string]string{"Cookie": jar(t, asked), "Sec-Fetch-Site": "cross-site"}
		last.Do(t, call).WantError(t, http.StatusForbidden, "CSRF_ERROR")
		call.Header["Sec-Fetch-Site"] = "same-origin"
		in := last.Do(t, call).Want(t, http.StatusOK)
		token := in.Text("data", "token")
		if cookieOf(in) == nil || in.Text("data", "user", "id") != u.ID {
			t.Errorf("a sign-in is answered %s", in.Body)
		}
		for _, s := range sys.Servers {
			s.Do(t, harness.Me(token)).Want(t, http.StatusOK)
		}
		first.Do(t, verify(asked.Text("data", "mfa_token"))).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")

		// Giving it up takes the password.
		disable := func(password string) harness.Call {
			return harness.Call{Method: http.MethodDelete, Path: totpPath + "disable", Token: token, Body: map[string]any{"password": password}}
		}
		first.Do(t, disable("Wrong-password-1")).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		last.Do(t, disable(u.Password)).Want(t, http.StatusOK)
		last.Do(t, disable(u.Password)).Want(t, http.StatusUnauthorized)
		sys.AwaitMail(t, "identity.totp_disabled", u.Email, 1)
		wantStatus(t, sys, first.Login(t, u), false, 0)
		noSecretAtRest(t, sys)
	})
}

// jar is the Cookie header of a browser that got an answer.
func jar(t testing.TB, a *harness.Answer) string {
	t.Helper()
	var all []string
	for _, line := range a.Header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("the cookie %q, %v", line, err)
			continue
		}
		all = append(all, c.Name+"="+c.Value)
	}
	return strings.Join(all, "; ")
}

// Codes count within a step before and after their time, once, and none that is older than
// one that was used, whatever time the client says it is: T7, T11.
func TestCodesInTheirTime(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		a := enrollAsOf(t, sys, u)
		n := 0
		sign := func(steps int64, more map[string]any) *harness.Answer {
			n++
			s := sys.Servers[n%len(sys.Servers)]
			return s.Do(t, secondStep(t, sys.Servers[(n+1)%len(sys.Servers)], u, a.oathtool(t, steps), more))
		}
		refused := func(what string, steps int64, more map[string]any) {
			t.Helper()
			if a := inOneStep(t, func() *harness.Answer { return sign(steps, more) }); a.Status != http.StatusUnauthorized || a.Text("error", "type") != "AUTHENTICATION_ERROR" {
				t.Errorf("%s: %d %s", what, a.Status, a.Body)
			}
		}
		for _, steps := range []int64{-3, -2, 2, 3, 40} {
			refused("a code out of its time", steps, nil)
			at := time.Now().Unix() + 30*steps
			refused("with the client's time", steps, map[string]any{"client_timestamp": at})
		}
		refused("as a recovery code", 0, map[string]any{"is_backup_code": true})
		for _, bad := range []any{"now", 1.5, true} {
			sys.First().Do(t, secondStep(t, sys.First(), u, "123456", map[string]any{"client_timestamp": bad})).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		}
		// What a slow machine took two steps for proves nothing.
		for try := 0; ; try++ {
			sys.Exec(t, `UPDATE identity_totp SET last_step = 0 WHERE user_id = '`+u.ID+`'`)
			earlyInStep(t, 20*time.Second)
			step := time.Now().Unix() / 30
			var got []int
			for _, steps := range []int64{-1, -1, 0, 0, -1, 1, 1, 0} {
				got = append(got, sign(steps, map[string]any{"client_timestamp": nil}).Status)
			}
			if time.Now().Unix()/30 == step {
				if !slices.Equal(got, []int{200, 401, 200, 401, 401, 200, 401, 401}) {
					t.Errorf("every code counts once, and none that is older: %v", got)
				}
				return
			}
			if try == 3 {
				t.Fatal("eight sign-ins take longer than twenty seconds")
			}
		}
	})
}

// enrollAsOf gives a user an app whose first code counts as used long ago, so that every
// code of now is still to be used.
func enrollAsOf(t *testing.T, sys *harness.System, u harness.User) app {
	t.Helper()
	a := enrollApp(t, sys.First(), u.Token)
	sys.Exec(t, `UPDATE identity_totp SET last_step = 0 WHERE user_id = '`+u.ID+`'`)
	return a
}

// Recovery codes open an account once each; a new set voids the old: T8, T9.
func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		u := first.Register(t)
		a := enrollApp(t, first, u.Token)
		sys.Secret(a.codes...)
		open := func(code string) *harness.Answer {
			return last.Do(t, secondStep(t, first, u, code, map[string]any{"is_backup_code": true}))
		}
		lettered := slices.IndexFunc(a.codes, func(c string) bool { return strings.ToLower(c) != c })
		for _, wrong := range []string{strings.ToLower(a.codes[lettered]), "0000000000000000", a.codes[0][:15], a.codes[0] + "0", " " + a.codes[0], a.code(t, 0)} {
			open(wrong).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		}
		token := open(a.codes[0]).Want(t, http.StatusOK).Text("data", "token")
		wantStatus(t, sys, token, true, 9)
		open(a.codes[0]).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		if m := sys.AwaitMail(t, "identity.recovery_code_used", u.Email, 1); !strings.Contains(m.Text, "9 codes are left") {
			t.Errorf("the mail says\n%s", m.Text)
		}
		renew := func(password string) harness.Call {
			return harness.Call{Path: totpPath + "regenerate-backup-codes", Token: token, Body: map[string]any{"password": password}}
		}
		first.Do(t, renew("Wrong-password-1")).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		wantStatus(t, sys, token, true, 9)
		list, _ := last.Do(t, renew(u.Password)).Want(t, http.StatusOK).Value("data", "backup_codes").([]any)
		wantStatus(t, sys, token, true, 10)
		if len(list) != 10 {
			t.Fatalf("%d new codes", len(list))
		}
		open(a.codes[1]).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		fresh, _ := list[9].(string)
		sys.Secret(fresh)
		open(fresh).Want(t, http.StatusOK)
		wantStatus(t, sys, token, true, 9)
		noSecretAtRest(t, sys)
	})
}
