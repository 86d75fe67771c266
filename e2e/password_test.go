package e2e_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

func register(sys *harness.System, email, password string) harness.Call {
	sys.Secret(password)
	return harness.Call{Path: registerPath, Body: map[string]any{"email": email, "password": password, "password_confirm": password}}
}

// bcrypt sees 72 bytes. Longer passwords count whole; what they are turned into on the
// way is no password; and two spellings of one text are one password.
func TestLongPasswords(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		long := strings.Repeat("Correct-horse-9 ", 6) + "tail" // 100 characters
		if len(long) != 100 {
			t.Fatalf("the password has %d characters", len(long))
		}
		sum := sha256.Sum256([]byte(long))
		u := sys.NewUser()
		sys.First().Do(t, register(sys, u.Email, long)).Want(t, http.StatusCreated)
		sys.Last().Do(t, harness.LoginCall(u.Email, long)).Want(t, http.StatusOK)
		for name, password := range map[string]string{
			"its first 72 bytes": long[:72], "its first 99": long[:99], "another tail": long[:72] + strings.Repeat("x", 28), "one more character": long + "x",
			"its pre-hash": base64.StdEncoding.EncodeToString(sum[:]), "its unpadded pre-hash": base64.RawStdEncoding.EncodeToString(sum[:]),
		} {
			if a := sys.First().Do(t, harness.LoginCall(u.Email, password)); a.Status != http.StatusUnauthorized {
				t.Errorf("%s: status %d, want 401", name, a.Status)
			}
		}

		for name, password := range map[string]string{"72 bytes": strings.Repeat("Abc-9xyz", 9), "73 bytes": strings.Repeat("Abc-9xyz", 9) + "!", "128 characters of 4 bytes": strings.Repeat("😀🎉🚀🔑", 32)} {
			v := sys.NewUser()
			sys.First().Do(t, register(sys, v.Email, password)).Want(t, http.StatusCreated)
			sys.Last().Do(t, harness.LoginCall(v.Email, password)).Want(t, http.StatusOK)
			if a := sys.Last().Do(t, harness.LoginCall(v.Email, password[:len(password)-1])); a.Status == http.StatusOK {
				t.Errorf("%s: signs in without its last byte", name)
			}
		}

		composed, decomposed := "Z\u00fcrich-\u00e9t\u00e9-2026", "Zu\u0308rich-e\u0301te\u0301-2026"
		w := sys.NewUser()
		sys.First().Do(t, register(sys, w.Email, composed)).Want(t, http.StatusCreated)
		sys.First().Do(t, harness.LoginCall(w.Email, decomposed)).Want(t, http.StatusOK)
	})
}

func TestPasswordRules(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Embedded, harness.Options{})
	for name, c := range map[string]struct {
		password string
		status   int
	}{
		"seven characters":           {"Abc-12x", 400},
		"eight characters":           {"Qz7-kW9v", 201},
		"eight characters of a word": {"password", 400},
		"breached with a capital":    {"Password1", 400},
		"the email":                  {"rules-user@example.com", 400},
		"128 characters":             {strings.Repeat("Qz7-kW9v", 16), 201},
		"129 characters":             {strings.Repeat("Qz7-kW9v", 16) + "x", 400},
		"eight emoji":                {"😀🎉🚀🔑🐎🔋📎🧷", 201},
		"seven after NFKC":           {"ABCDEF" + "e\u0301", 400},
		"no digit, no capital":       {"wobbling teapot orchestra", 201},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			email := sys.NewUser().Email
			if strings.Contains(c.password, "@") {
				email = c.password
			}
			sys.First().Do(t, harness.Call{Path: registerPath, Body: map[string]any{"email": email, "password": c.password, "password_confirm": c.password}}).Want(t, c.status)
		})
	}
	a := sys.First().Do(t, harness.Call{Path: registerPath, Body: map[string]any{"email": "a@example.com", "password": "Qz7-kW9v-1", "password_confirm": "Qz7-kW9v-2"}}).WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
	if !details(t, a)["password_confirm"] {
		t.Errorf("details are %v", a.Value("error", "details"))
	}
}

// A $2b$12$ hash that another bcrypt (crypt of libxcrypt) made signs in as it is.
func TestForeignHash(t *testing.T) {
	t.Parallel()
	const hash, password = "$2b$12$N9qo8uLOickgx2ZMRZoMyeB1AOfXVQ/hjwA0TDGi8er8/t5DzLwRu", "UserPass123!"
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		sys.Exec(t, "UPDATE identity_users SET password_hash = '"+hash+"' WHERE id = '"+u.ID+"'")
		sys.Last().Do(t, harness.LoginCall(u.Email, u.Password)).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		sys.Last().Do(t, harness.LoginCall(u.Email, password)).Want(t, http.StatusOK)
		sys.Last().Do(t, harness.LoginCall(u.Email, password)).Want(t, http.StatusOK)
	})
}

// A changed password ends every other session and the old password.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		other := sys.Last().Login(t, u)
		const next = "Teapot-Orchestra-77"
		sys.Secret(next)
		change := func(current, password, confirm string) *harness.Answer {
			return sys.First().Do(t, harness.Call{Path: "/api/v1/users/me/password", Token: u.Token, Body: map[string]any{"current_password": current, "new_password": password, "new_password_confirm": confirm}})
		}
		change("wrong-"+u.Password, next, next).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		change(u.Password, "short", "short").WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		change(u.Password, next, next+"x").WantError(t, http.StatusBadRequest, "VALIDATION_ERROR")
		change(u.Password, next, next).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			s.Do(t, harness.Me(other)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
			s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK)
		}
		sys.Last().Do(t, harness.LoginCall(u.Email, u.Password)).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		sys.Last().Do(t, harness.LoginCall(u.Email, next)).Want(t, http.StatusOK)
	})
}

// A deleted account is gone at once, and its email is free again.
func TestDeleteAccount(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		other := sys.Last().Login(t, u)
		remove := harness.Call{Method: http.MethodDelete, Path: "/api/v1/users/me", Token: u.Token, Body: map[string]any{"current_password": "wrong"}}
		sys.First().Do(t, remove).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		remove.Body = map[string]any{"current_password": u.Password}
		sys.First().Do(t, remove).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			for _, token := range []string{u.Token, other} {
				s.Do(t, harness.Me(token)).Want(t, http.StatusUnauthorized)
			}
			s.Do(t, harness.LoginCall(u.Email, u.Password)).WantError(t, http.StatusUnauthorized, "AUTHENTICATION_ERROR")
		}
		again := sys.First().Do(t, harness.Call{Path: registerPath, Body: u.Registration()}).Want(t, http.StatusCreated)
		if again.Text("data", "user", "id") == u.ID {
			t.Error("the new account has the old one's id")
		}
	})
}

// A person gets everything the system holds on them, and none of it is a secret.
func TestExport(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}}, func(t *testing.T, sys *harness.System) {
		u := sys.First().Register(t)
		sys.First().Login(t, u)
		a := sys.First().Do(t, harness.Call{Path: "/api/v1/users/me/export", Token: u.Token}).Want(t, http.StatusOK)
		for _, want := range []string{u.Email, u.ID, "sessions"} {
			if !strings.Contains(string(a.Body), want) {
				t.Errorf("the export lacks %q: %s", want, a.Body)
			}
		}
		for _, never := range []string{"$2", "token_hash", "password_hash"} {
			if strings.Contains(string(a.Body), never) {
				t.Errorf("the export shows %q: %s", never, a.Body)
			}
		}
		if secret := sys.SecretIn(string(a.Body)); secret != "" {
			t.Errorf("the export shows the secret %q", secret)
		}
	})
}
