package e2e_test

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// newKey is a master key as openssl rand -hex 32 makes one.
func newKey(t *testing.T) string {
	t.Helper()
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}

// Production does not start without its secrets, and names everything at once.
func TestProductionRefuses(t *testing.T) {
	t.Parallel()
	out, code := harness.Run(t, t.TempDir(), map[string]string{"APP_ENV": "production"}, "serve")
	if code == 0 {
		t.Fatalf("it started:\n%s", out)
	}
	for _, key := range []string{"SECRET_KEY", "ENCRYPTION_KEY", "CA_ENCRYPTION_KEY", "DATABASE_URL", "PUBLIC_URL", "SMTP_HOST"} {
		if !strings.Contains(out, key) {
			t.Errorf("the refusal does not name %s:\n%s", key, out)
		}
	}
	good := map[string]string{
		"APP_ENV": "production", "PUBLIC_URL": "https://auth.example.com", "DATABASE_URL": "postgres://authy2@127.0.0.1:1/authy2",
		"SECRET_KEY": newKey(t), "ENCRYPTION_KEY": newKey(t), "CA_ENCRYPTION_KEY": newKey(t), "SMTP_HOST": "smtp.example.com",
	}
	if out, code := harness.Run(t, t.TempDir(), good, "config", "check"); code != 0 {
		t.Errorf("a complete configuration is refused with %d:\n%s", code, out)
	}
	for name, change := range map[string]map[string]string{
		"SQLite":                   {"DATABASE_URL": "sqlite:data/authy2.db"},
		"plain http":               {"PUBLIC_URL": "http://auth.example.com"},
		"a short key":              {"SECRET_KEY": "short"},
		"a cheap hash":             {"BCRYPT_LOG_ROUNDS": "4"},
		"a bad number":             {"SESSION_IDLE_TIMEOUT": "soon"},
		"a bad network":            {"TRUSTED_PROXIES": "10.0.0.0/99"},
		"a bad rate":               {"RATELIMIT_LOGIN": "many"},
		"idle longer than the cap": {"SESSION_IDLE_TIMEOUT": "10", "SESSION_ABSOLUTE_TIMEOUT": "5"},
		"no mail server":           {"SMTP_HOST": ""},
		"an unknown profile":       {"APP_ENV": "staging"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := maps.Clone(good)
			maps.Copy(env, change)
			out, code := harness.Run(t, t.TempDir(), env, "config", "check")
			if code == 0 {
				t.Errorf("it is accepted:\n%s", out)
			}
			for key := range change {
				if !strings.Contains(out, key) && !strings.Contains(strings.ToLower(out), strings.ToLower(key[strings.LastIndexByte(key, '_')+1:])) {
					t.Errorf("the refusal does not name %s:\n%s", key, out)
				}
			}
			if strings.Contains(out, good["ENCRYPTION_KEY"]) {
				t.Errorf("the refusal shows a key:\n%s", out)
			}
		})
	}
}

// A set of modules that cannot be is refused with one sentence.
func TestModuleSetsThatAreRefused(t *testing.T) {
	t.Parallel()
	for modules, words := range map[string][]string{
		"foo":                   {"foo"},
		"sessions":              {"sessions", "identity"},
		"identity,identity":     {"identity"},
		"identity,foo,sessions": {"foo"},
		"tenancy":               {"tenancy", "identity"},
		"audit,sessions":        {"sessions", "identity"},
		"audit,tenancy":         {"tenancy", "identity"},
	} {
		t.Run(modules, func(t *testing.T) {
			t.Parallel()
			sys := harness.Prepare(t, harness.Embedded, harness.Options{Env: map[string]string{"MODULES": modules}})
			out, code := sys.CLI(t, nil, "serve")
			if code == 0 {
				t.Fatalf("it started:\n%s", out)
			}
			text := strings.TrimSpace(out)
			for _, word := range words {
				if !strings.Contains(text, word) {
					t.Errorf("the refusal does not say %q:\n%s", word, text)
				}
			}
			if strings.Count(text, "\n") > 2 || strings.Contains(text, "goroutine") || strings.Contains(text, "go.uber.org") {
				t.Errorf("the refusal is more than a sentence:\n%s", text)
			}
		})
	}
}

// Off means absent: no route, no operation, no table.
func TestIdentityAlone(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}, Env: map[string]string{"MODULES": "identity"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		u := sys.NewUser()
		a := s.Do(t, harness.Call{Path: registerPath, Body: u.Registration()}).Want(t, http.StatusCreated)
		if a.Text("data", "user", "email") != u.Email || a.Value("data", "token") != nil || cookieOf(a) != nil {
			t.Errorf("without sessions registering answers {user}: %s", a.Body)
		}
		for _, c := range []harness.Call{
			harness.LoginCall(u.Email, u.Password), harness.Me("x"),
			{Path: "/api/v1/auth/sessions"},
			{Method: http.MethodPost, Path: "/api/v1/auth/logout"},
			{Path: "/api/v1/users/me"},
			{Path: "/api/v1/users/me", Token: "x"},
		} {
			s.Do(t, c).WantError(t, http.StatusNotFound, "NOT_FOUND")
		}
		for _, o := range s.Document(t).Operations {
			if !o.Public {
				t.Errorf("%s needs a session that nobody can have", o.ID)
			}
			if strings.Contains(o.Path, "session") || strings.HasSuffix(o.Path, "/login") {
				t.Errorf("%s %s is in the document", o.Method, o.Path)
			}
		}
		for _, table := range sys.Tables(t) {
			if strings.HasPrefix(table, "sessions_") {
				t.Errorf("table %s exists", table)
			}
		}
		if out, _ := sys.CLI(t, nil, "jobs", "list"); strings.Contains(out, "cleanup_sessions") {
			t.Errorf("the job exists:\n%s", out)
		}
	})
}

// Switching a module on later just works; off again, its data stays.
func TestModuleSwitchedOnLater(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Embedded, harness.Options{Env: map[string]string{"MODULES": "identity"}})
	u := sys.NewUser()
	sys.First().Do(t, harness.Call{Path: registerPath, Body: u.Registration()}).Want(t, http.StatusCreated)
	sys.First().Terminate(t)
	sys.Options.Env["MODULES"] = "identity,sessions"
	s := sys.Add(t)
	token := s.Login(t, u)
	s.Do(t, harness.Me(token)).Want(t, http.StatusOK)
	s.Terminate(t)
	sys.Options.Env["MODULES"] = "identity"
	sys.Add(t).Do(t, harness.Me(token)).Want(t, http.StatusNotFound)
	if !slices.Contains(sys.Tables(t), "sessions_sessions") {
		t.Error("the data of a module that was switched off is gone")
	}
}

// A second serve on one SQLite file is refused.
func TestSecondServeOnOneFile(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Embedded, harness.Options{})
	out, code := sys.CLI(t, map[string]string{"HTTP_ADDR": "127.0.0.1:0"}, "serve")
	if code == 0 || strings.Contains(out, "goroutine") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	sys.First().Register(t)
}
