package factor_test

import (
	"bytes"
	"encoding/base64"
	"image/png"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/modules/identity/factor"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

const (
	statusPath  = "/api/v1/auth/totp/status"
	enrollPath  = "/api/v1/auth/totp/enroll"
	confirmPath = "/api/v1/auth/totp/verify-enrollment"
	codesPath   = "/api/v1/auth/totp/regenerate-backup-codes"
	disablePath = "/api/v1/auth/totp/disable"
	mine        = `{"password":"` + password + `"}`
)

func TestEnrollment(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		token := h.register(t, ann)
		none := `"totp_enabled":false,"verified_at":null,"backup_codes_remaining":0`
		if r := h.want(t, 200, "GET", statusPath, token, ""); !strings.Contains(r.body, none) {
			t.Errorf("status: %s", r.body)
		}
		h.want(t, 401, "POST", confirmPath, token, `{"code":"123456"}`) // nothing to verify
		first := h.prepare(t, token)
		r := h.want(t, 201, "POST", enrollPath, token, "")
		key, uri := r.text(t, "secret"), r.text(t, "provisioning_uri")
		if !regexp.MustCompile(`^[A-Z2-7]{32}$`).MatchString(key) || key == first.secret {
			t.Errorf("secret %q", key)
		}
		u, err := url.Parse(uri)
		if !strings.HasPrefix(uri, "otpauth://totp/Acme%20ID:"+strings.Replace(ann, "@", "%40", 1)+"?") {
			t.Errorf("the label of %s is not encoded", uri)
		}
		if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Acme ID:"+ann || u.Query().Get("secret") != key ||
			u.Query().Get("issuer") != "Acme ID" || u.Query().Get("period") != "30" || u.Query().Get("digits") != "6" || u.Query().Get("algorithm") != "SHA1" {
			t.Errorf("address %q", uri)
		}
		data, ok := strings.CutPrefix(r.text(t, "qr_code"), "data:image/png;base64,")
		raw, err := base64.StdEncoding.DecodeString(data)
		if !ok || err != nil {
			t.Fatalf("picture: %v", err)
		}
		if _, err := png.Decode(bytes.NewReader(raw)); err != nil {
			t.Error(err)
		}
		if len(first.codes) != 10 {
			t.Errorf("%d recovery codes", len(first.codes))
		}
		for i, code := range first.codes {
			if !regexp.MustCompile(`^[0-9A-F]{16}$`).MatchString(code) || slices.Contains(first.codes[:i], code) {
				t.Errorf("code %q", code)
			}
		}
		// Nothing is asked for, and no code counts, before the app has shown one.
		if r := h.want(t, 200, "GET", statusPath, token, ""); !strings.Contains(r.body, none) {
			t.Errorf("status: %s", r.body)
		}
		if r := h.want(t, 200, "POST", "/api/v1/auth/login", "", `{"email":"`+ann+`","password":"`+password+`"}`); r.text(t, "token") == "" {
			t.Errorf("log-in: %s", r.body)
		}
		e := enrolled{secret: key}
		for body, status := range map[string]int{
			`{"code":"12345"}`: 400, `{"code":"1234567"}`: 400, `{"code":"abcdef"}`: 400, `{"code":123456}`: 400, `{}`: 400,
			`{"code":"` + h.code(first, 0) + `"}`: 401, `{"code":"` + h.code(e, 2) + `"}`: 401, `{"code":"` + h.code(e, -2) + `"}`: 401,
		} {
			h.want(t, status, "POST", confirmPath, token, body)
		}
		other := h.want(t, 200, "POST", "/api/v1/auth/login", "", `{"email":"`+ann+`","password":"`+password+`"}`).text(t, "token")
		h.want(t, 200, "POST", confirmPath, token, `{"code":"`+h.code(e, 0)+`","client_timestamp":null}`)
		h.want(t, 401, "GET", statusPath, other, "") // the other sessions have ended
		r = h.want(t, 200, "GET", statusPath, token, "")
		if !strings.Contains(r.body, `"totp_enabled":true,"verified_at":"`) || !strings.Contains(r.body, `Z","backup_codes_remaining":10`) {
			t.Errorf("status: %s", r.body)
		}
		h.want(t, 200, "POST", confirmPath, token, `{"code":"`+h.code(e, 0)+`"}`) // once more changes nothing
		h.want(t, 409, "POST", enrollPath, token, "")
		// The code that showed the app is used up.
		if r := h.verify(t, h.challenge(t, ann), h.code(e, 0)); r.status != 401 {
			t.Errorf("the code of the enrollment: %d", r.status)
		}
		if h.facts(factor.ActionEnroll, true) != 2 || h.facts(factor.ActionEnrolled, true) != 1 || h.facts(factor.ActionEnroll, false) != 1 {
			t.Errorf("facts: %+v", h.recorded)
		}
		if mails := h.mails(t); !slices.ContainsFunc(mails, func(m platformtest.Mail) bool { return m.Purpose == "identity.totp_enabled" && m.To == ann }) {
			t.Errorf("mails: %+v", mails)
		}
		// The secret does not lie in the database.
		var sealed []byte
		if err := h.DB.Read().NewSelect().Table("identity_totp").Column("secret").Scan(t.Context(), &sealed); err != nil || bytes.Contains(sealed, []byte(key)) {
			t.Errorf("at rest: %q, %v", sealed, err)
		}
	})
}

// Codes of the step before and after count, once, and nothing older than what was used.
func TestSteps(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		e := h.enroll(t, h.register(t, ann))
		try := func(what string, status int, code string, more ...string) {
			t.Helper()
			if r := h.verify(t, h.challenge(t, ann), code, more...); r.status != status {
				t.Errorf("%s: %d %s, want %d", what, r.status, r.body, status)
			}
		}
		b.Clock.Advance(10 * time.Minute)
		try("two steps ago", 401, h.code(e, -2))
		try("in two steps", 401, h.code(e, 2))
		old := b.Clock.Now().Add(-time.Hour)
		try("an old code with the time of its own", 401, codeOf(e.secret, old.Unix()/30), `,"client_timestamp":`+itoa(old.Unix()))
		try("a step ago", 200, h.code(e, -1))
		try("a step ago, again", 401, h.code(e, -1))
		try("now", 200, h.code(e, 0))
		try("now, again", 401, h.code(e, 0))
		try("older than what was used", 401, h.code(e, -1))
		try("in a step", 200, h.code(e, 1))
		try("in a step, again", 401, h.code(e, 1))
		b.Clock.Advance(30 * time.Second)
		try("used in advance", 401, h.code(e, 0))
		b.Clock.Advance(30 * time.Second)
		try("the one after it", 200, h.code(e, 0))
		try("no digits", 401, "abcdef")
		try("a recovery code as an app's", 401, e.codes[0])
	})
}

func TestRecoveryCodes(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		token := h.register(t, ann)
		e := h.enroll(t, token)
		left := func(n int) {
			t.Helper()
			if r := h.want(t, 200, "GET", statusPath, token, ""); !strings.Contains(r.body, `"backup_codes_remaining":`+itoa(int64(n))) {
				t.Errorf("status: %s, want %d", r.body, n)
			}
		}
		h.mails(t)
		lettered := e.codes[slices.IndexFunc(e.codes, func(c string) bool { return strings.ToLower(c) != c })]
		if r := h.verify(t, h.challenge(t, ann), strings.ToLower(lettered), backup); r.status != 401 {
			t.Errorf("lower case: %d", r.status)
		}
		if r := h.verify(t, h.challenge(t, ann), "0000000000000000", backup); r.status != 401 {
			t.Errorf("a wrong one: %d", r.status)
		}
		if r := h.verify(t, h.challenge(t, ann), e.codes[0], backup); r.status != 200 {
			t.Errorf("the first: %d %s", r.status, r.body)
		}
		left(9)
		if r := h.verify(t, h.challenge(t, ann), e.codes[0], backup); r.status != 401 {
			t.Errorf("the first again: %d", r.status)
		}
		if mails := h.mails(t); len(mails) != 1 || mails[0].Purpose != "identity.recovery_code_used" || !strings.Contains(mails[0].Text, "9 codes are left") {
			t.Errorf("mails: %+v", mails)
		}
		// A new set voids the old one and needs the password.
		h.want(t, 401, "POST", codesPath, token, `{"password":"wrong"}`)
		h.want(t, 400, "POST", codesPath, token, `{}`)
		r := h.want(t, 200, "POST", codesPath, token, mine)
		left(10)
		if r := h.verify(t, h.challenge(t, ann), e.codes[1], backup); r.status != 401 {
			t.Errorf("a code of the old set: %d", r.status)
		}
		fresh := regexp.MustCompile(`[0-9A-F]{16}`).FindString(r.body)
		if r := h.verify(t, h.challenge(t, ann), fresh, backup); r.status != 200 {
			t.Errorf("a code of the new set: %d", r.status)
		}
		if h.facts(factor.ActionRecoveryUsed, true) != 2 || h.facts(factor.ActionRegenerate, true) != 1 || h.facts(factor.ActionRegenerate, false) != 1 ||
			h.facts(factor.ActionVerifyFailed, false) != 4 {
			t.Errorf("facts: %+v", h.recorded)
		}
		h.want(t, 401, "POST", codesPath, h.register(t, bob), mine) // no app, no codes
	})
}

func TestDisable(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		token := h.register(t, ann)
		h.want(t, 401, "DELETE", disablePath, token, mine)
		e := h.enroll(t, token)
		waiting := h.challenge(t, ann)
		h.want(t, 401, "DELETE", disablePath, token, `{"password":"wrong"}`)
		h.want(t, 400, "DELETE", disablePath, token, `{}`)
		h.want(t, 200, "DELETE", disablePath, token, mine)
		if r := h.verify(t, waiting, h.code(e, 0)); r.status != 401 {
			t.Errorf("a sign-in from before: %d", r.status)
		}
		if r := h.want(t, 200, "POST", "/api/v1/auth/login", "", `{"email":"`+ann+`","password":"`+password+`"}`); r.text(t, "token") == "" {
			t.Errorf("log-in: %s", r.body)
		}
		if n := h.count(t, "identity_recovery_codes") + h.count(t, "identity_totp") + h.count(t, "identity_challenges"); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		h.enroll(t, token)
		if h.facts(factor.ActionDisable, true) != 1 || h.facts(factor.ActionDisable, false) != 2 {
			t.Errorf("facts: %+v", h.recorded)
		}
	})
}

// A deleted user leaves nothing behind, and whoever proves the address of an account for the
// first time does not inherit a stranger's app.
func TestFactorsEndWithTheirOwner(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.days = 30 })
		token := h.register(t, ann)
		e := h.enroll(t, token)
		h.verify(t, h.challenge(t, ann), h.code(e, 0), `,"remember_device":true`)
		h.challenge(t, ann)
		p, err := h.hall.Authenticate(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		err = h.users.Delete(t.Context(), p, identity.Deletion{Current: secret.New(password), Precondition: func(string) error { return nil }, Client: authn.Client{}})
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"identity_totp", "identity_recovery_codes", "identity_challenges", "identity_devices"} {
			if n := h.count(t, table); n != 0 {
				t.Errorf("%d rows of %s are left", n, table)
			}
		}
		h.enroll(t, h.register(t, bob))
		h.reset(t, bob)
		if n := h.count(t, "identity_totp"); n != 0 {
			t.Error("the app of whoever registered the address is asked for")
		}
		// Once the address is proved, a new password never skips the second factor.
		again := h.want(t, http.StatusOK, "POST", "/api/v1/auth/login", "", `{"email":"`+bob+`","password":"`+fresh+`"}`).text(t, "token")
		h.enroll(t, again)
		h.reset(t, bob)
		h.want(t, http.StatusUnauthorized, "GET", statusPath, again, "")
		r := h.want(t, http.StatusOK, "POST", "/api/v1/auth/login", "", `{"email":"`+bob+`","password":"`+fresh+`"}`)
		if r.text(t, "mfa_token") == "" || r.text(t, "token") != "" {
			t.Errorf("after a reset: %s", r.body)
		}
	})
}
