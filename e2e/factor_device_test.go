package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// deviceCookie is the cookie that a remembered browser keeps, as it sends it.
func deviceCookie(t testing.TB, a *harness.Answer) string {
	t.Helper()
	for _, line := range a.Header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil || !strings.HasSuffix(c.Name, "authy2_device") {
			continue
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 30*24*3600 || c.Path != "/" || c.Domain != "" || len(c.Value) != 43 {
			t.Errorf("the cookie of a device is %q", line)
		}
		return c.Name + "=" + c.Value
	}
	t.Fatalf("the device is not remembered: %v", a.Header.Values("Set-Cookie"))
	return ""
}

// A browser that is remembered is not asked again: that of its user, until they forget it,
// the time is up, or the password is another. It is a sign-in with one factor.
func TestRememberedDevices(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		u, stranger := first.Register(t), last.Register(t)
		a := enrollApp(t, first, u.Token)
		enrollApp(t, last, stranger.Token)
		used := 0
		remember := func() string {
			t.Helper()
			used++
			in := last.Do(t, secondStep(t, first, u, a.codes[used-1], map[string]any{"is_backup_code": true, "remember_device": true})).Want(t, http.StatusOK)
			cookie := deviceCookie(t, in)
			_, secret, _ := strings.Cut(cookie, "=")
			sys.Secret(secret)
			return cookie
		}
		logIn := func(s *harness.Server, u harness.User, cookie string) *harness.Answer {
			call := harness.LoginCall(u.Email, u.Password)
			call.Header = map[string]string{"Cookie": cookie}
			return s.Do(t, call)
		}
		known := func(what string, u harness.User, cookie string, want bool) (token string) {
			t.Helper()
			for _, s := range sys.Servers {
				in := logIn(s, u, cookie).Want(t, http.StatusOK)
				if token = in.Text("data", "token"); (token != "") != want || (in.Text("data", "mfa_token") == "") != want {
					t.Errorf("%s: %s", what, in.Body)
				}
			}
			return token
		}
		list := func() []map[string]any {
			t.Helper()
			return last.Do(t, harness.Call{Path: devicesPath, Token: u.Token}).Want(t, http.StatusOK).List(t, "data", "devices")
		}
		forget := func(id string) *harness.Answer {
			return last.Do(t, harness.Call{Method: http.MethodDelete, Path: devicesPath + id, Token: u.Token})
		}

		device := remember()
		token := known("a remembered device", u, device, true)
		known("without the cookie", u, "x=y", false)
		known("another cookie", u, device[:len(device)-1]+"_", false)
		known("somebody else", stranger, device, false)
		wrong := u
		wrong.Password = "Wrong-password-1"
		logIn(first, wrong, device).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		// What asks for the second factor still does.
		first.Do(t, harness.Call{Path: "/api/v1/users/me/export", Token: token}).WantError(t, http.StatusUnauthorized, "STEP_UP_REQUIRED")

		devices := list()
		if len(devices) != 1 || textOf(devices[0], "ip_address") != "127.0.0.1" || !strings.HasPrefix(textOf(devices[0], "user_agent"), "Go-http-client") {
			t.Errorf("the list has %v", devices)
		}
		begin, err := time.Parse(time.RFC3339Nano, textOf(devices[0], "created_at"))
		end, err2 := time.Parse(time.RFC3339Nano, textOf(devices[0], "expires_at"))
		if err != nil || err2 != nil || end.Sub(begin) != 30*24*time.Hour {
			t.Errorf("it is remembered from %v to %v", begin, end)
		}
		forget("/"+textOf(devices[0], "id")).Want(t, http.StatusOK)
		forget("/"+textOf(devices[0], "id")).WantError(t, http.StatusNotFound, "NOT_FOUND")
		known("a device that was forgotten", u, device, false)
		both := []string{remember(), remember()}
		if n := len(list()); n != 2 {
			t.Errorf("%d devices, want 2", n)
		}
		if a := forget("").Want(t, http.StatusOK); a.Value("data", "forgotten") != 2.0 {
			t.Errorf("forgetting all answers %s", a.Body)
		}
		for _, device := range both {
			known("a device that was forgotten with all", u, device, false)
		}
		device = remember()
		sys.Exec(t, `UPDATE identity_devices SET expires_at = created_at WHERE user_id = '`+u.ID+`'`)
		known("when the time is up", u, device, false)
		if n := len(list()); n != 0 {
			t.Errorf("%d devices whose time is up are listed", n)
		}
		device = remember()
		known("a remembered device", u, device, true)
		fresh := sys.NewUser().Password
		first.Do(t, changePassword(u, u.Password, fresh)).Want(t, http.StatusOK)
		u.Password = fresh
		known("under another password", u, device, false)
		noSecretAtRest(t, sys)
	})
}

// Nothing is remembered unless the operator wants it, and not for longer than a year.
func TestNoDeviceIsRememberedByDefault(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Env: map[string]string{"REMEMBER_DEVICE_DAYS": ""}}, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := s.Register(t)
		a := enrollApp(t, s, u.Token)
		in := s.Do(t, secondStep(t, s, u, a.codes[0], map[string]any{"is_backup_code": true, "remember_device": true})).Want(t, http.StatusOK)
		if strings.Contains(strings.Join(in.Header.Values("Set-Cookie"), " "), "authy2_device") {
			t.Errorf("cookies %v", in.Header.Values("Set-Cookie"))
		}
		list := s.Do(t, harness.Call{Path: devicesPath, Token: u.Token}).Want(t, http.StatusOK)
		if list.Value("data", "count") != 0.0 {
			t.Errorf("devices %s", list.Body)
		}
		asked(t, s, u)
	})
	for _, days := range []string{"-1", "366", "many"} {
		sys := harness.Prepare(t, harness.Embedded, harness.Options{Env: map[string]string{"REMEMBER_DEVICE_DAYS": days}})
		if out, code := sys.CLI(t, nil, "config", "check"); code == 0 || !strings.Contains(strings.ToLower(out), "remember_device_days") {
			t.Errorf("%s days: exit code %d\n%s", days, code, out)
		}
	}
}
