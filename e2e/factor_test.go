package e2e_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

const (
	totpPath    = "/api/v1/auth/totp/"
	devicesPath = "/api/v1/auth/devices"
)

// app is an authenticator app of a user.
type app struct {
	secret string
	codes  []string
}

// code computes what the app shows so many steps from now (RFC 6238 §4).
func (a app) code(t testing.TB, steps int64) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(a.secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, key)
	_ = binary.Write(mac, binary.BigEndian, time.Now().Unix()/30+steps)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[len(sum)-1]&0xf:])&0x7fffffff%1000000)
}

// prepareApp asks for an app.
func prepareApp(t testing.TB, s *harness.Server, token string) app {
	t.Helper()
	a := s.Do(t, harness.Call{Method: http.MethodPost, Path: totpPath + "enroll", Token: token}).Want(t, http.StatusCreated)
	made := app{secret: a.Text("data", "secret")}
	codes, _ := a.Value("data", "backup_codes").([]any)
	for _, c := range codes {
		made.codes = append(made.codes, c.(string))
	}
	return made
}

func verifyApp(token, code string) harness.Call {
	return harness.Call{Path: totpPath + "verify-enrollment", Token: token, Body: map[string]any{"code": code}}
}

// enrollApp gives a user an app, whose next code is that of this step.
func enrollApp(t testing.TB, s *harness.Server, token string) app {
	t.Helper()
	a := prepareApp(t, s, token)
	s.Do(t, verifyApp(token, a.code(t, -1))).Want(t, http.StatusOK)
	return a
}

// secondStep logs in and returns the call that completes it with a code, or a recovery code.
func secondStep(t testing.TB, s *harness.Server, u harness.User, code string, more map[string]any) harness.Call {
	t.Helper()
	asked := s.Do(t, harness.LoginCall(u.Email, u.Password)).Want(t, http.StatusOK).Text("data", "mfa_token")
	if asked == "" {
		t.Fatal("nothing is asked")
	}
	body := map[string]any{"mfa_token": asked, "code": code}
	for name, v := range more {
		body[name] = v
	}
	return harness.Call{Path: totpPath + "verify", Body: body}
}

// rememberDevice signs a user in from a browser that is remembered and returns its id.
func rememberDevice(t testing.TB, s *harness.Server, u harness.User) string {
	t.Helper()
	a := enrollApp(t, s, u.Token)
	s.Do(t, secondStep(t, s, u, a.codes[0], map[string]any{"is_backup_code": true, "remember_device": true})).Want(t, http.StatusOK)
	devices := s.Do(t, harness.Call{Path: devicesPath, Token: u.Token}).Want(t, http.StatusOK).List(t, "data", "devices")
	if len(devices) != 1 {
		t.Fatalf("%d devices", len(devices))
	}
	return textOf(devices[0], "id")
}

// factorErrands are the errands of authenticator apps and remembered devices.
func factorErrands() map[string]func(t *testing.T, sys *harness.System) errand {
	mine := func(u harness.User, c harness.Call, actions ...string) errand {
		return errand{call: c, actions: actions, token: u.Token, listing: myTrail}
	}
	own := func(method, path string, u harness.User) harness.Call {
		return harness.Call{Method: method, Path: path, Token: u.Token, Body: map[string]any{"password": u.Password}}
	}
	return map[string]func(t *testing.T, sys *harness.System) errand{
		"POST /api/v1/auth/totp/enroll": func(t *testing.T, sys *harness.System) errand {
			u := sys.First().Register(t)
			return mine(u, harness.Call{Method: http.MethodPost, Path: totpPath + "enroll", Token: u.Token}, "totp.enroll.initiated")
		},
		"POST /api/v1/auth/totp/verify-enrollment": func(t *testing.T, sys *harness.System) errand {
			u := sys.First().Register(t)
			return mine(u, verifyApp(u.Token, prepareApp(t, sys.First(), u.Token).code(t, 0)), "totp.enroll.completed")
		},
		"POST /api/v1/auth/totp/verify": func(t *testing.T, sys *harness.System) errand {
			u := sys.First().Register(t)
			a := enrollApp(t, sys.First(), u.Token)
			return mine(u, secondStep(t, sys.First(), u, a.code(t, 0), nil), "totp.verify.success", "user.login")
		},
		"POST /api/v1/auth/totp/regenerate-backup-codes": func(t *testing.T, sys *harness.System) errand {
			u := sys.First().Register(t)
			enrollApp(t, sys.First(), u.Token)
			return mine(u, own(http.MethodPost, totpPath+"regenerate-backup-codes", u), "totp.backup_codes.regenerated")
		},
		"DELETE /api/v1/auth/totp/disable": func(t *testing.T, sys *harness.System) errand {
			u := sys.First().Register(t)
			enrollApp(t, sys.First(), u.Token)
			return mine(u, own(http.MethodDelete, totpPath+"disable", u), "totp.disabled")
		},
		"DELETE /api/v1/auth/devices": func(t *testing.T, sys *harness.System) errand {
			u := sys.First().Register(t)
			return mine(u, harness.Call{Method: http.MethodDelete, Path: devicesPath, Token: u.Token}, "device.revoke")
		},
		"DELETE /api/v1/auth/devices/{}": func(t *testing.T, sys *harness.System) errand {
			u := sys.First().Register(t)
			id := rememberDevice(t, sys.First(), u)
			return mine(u, harness.Call{Method: http.MethodDelete, Path: devicesPath + "/" + id, Token: u.Token}, "device.revoke")
		},
	}
}

// deviceOfAnother: a device of somebody else is answered like none.
func deviceOfAnother(t *testing.T, m *matrix) {
	u := m.s.Register(t)
	id := rememberDevice(t, m.s, u)
	call := func(token, id string) harness.Call {
		return harness.Call{Method: http.MethodDelete, Path: devicesPath + "/" + id, Token: token}
	}
	m.s.Do(t, call("", id)).WantError(t, http.StatusUnauthorized, "AUTH_REQUIRED")
	for who, other := range m.outside {
		a, b := m.s.Do(t, call(other.Token, id)), m.s.Do(t, call(other.Token, unknownID))
		a.WantError(t, http.StatusNotFound, "NOT_FOUND")
		if plain(a) != plain(b) {
			t.Errorf("a %s can tell a device from none:\n%s\n%s", who, plain(a), plain(b))
		}
	}
	m.s.Do(t, call(u.Token, id)).Want(t, http.StatusOK)
}

// signInOfAnother: a code opens the sign-in of its owner only, and the token of no sign-in
// is answered like that of one that is over.
func signInOfAnother(t *testing.T, m *matrix) {
	u, other := m.s.Register(t), m.s.Register(t)
	a, b := enrollApp(t, m.s, u.Token), enrollApp(t, m.s, other.Token)
	m.s.Do(t, secondStep(t, m.s, u, b.code(t, 0), nil)).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
	m.s.Do(t, secondStep(t, m.s, u, b.codes[0], map[string]any{"is_backup_code": true})).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
	call := secondStep(t, m.s, u, a.code(t, 0), nil)
	m.s.Do(t, call).Want(t, http.StatusOK)
	over := m.s.Do(t, call)
	call.Body = map[string]any{"mfa_token": strings.Repeat("A", 43), "code": "123456"}
	if none := m.s.Do(t, call); over.Status != http.StatusUnauthorized || plain(over) != plain(none) {
		t.Errorf("a sign-in that is over can be told from none:\n%s\n%s", plain(over), plain(none))
	}
}
