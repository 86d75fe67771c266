package e2e_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

var uuidV7 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// The first minutes of somebody who tries the system: register, sign in, be recognised,
// see the sessions, revoke one, and be refused with it.
func TestFirstUse(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		u := sys.NewUser()
		registration := u.Registration()
		registration["email"] = strings.ToUpper(u.Email)
		a := first.Do(t, harness.Call{Path: "/api/v1/auth/register", Body: registration}).Want(t, http.StatusCreated)
		if got := a.Text("data", "user", "email"); got != u.Email {
			t.Errorf("email is %q, want it lower-cased: %q", got, u.Email)
		}
		if id := a.Text("data", "user", "id"); !uuidV7.MatchString(id) {
			t.Errorf("user id %q is no UUIDv7", id)
		}
		if token := a.Text("data", "token"); len(token) != 43 {
			t.Errorf("the token has %d characters, want 43", len(token))
		}
		if until := time.Until(a.Time(t, "data", "expires_at")); until < 14*time.Minute || until > 15*time.Minute+5*time.Second {
			t.Errorf("the session lasts %s, want the idle timeout of 15 minutes", until)
		}
		first.Do(t, harness.Call{Path: "/api/v1/auth/register", Body: u.Registration()}).WantError(t, http.StatusConflict, "CONFLICT")

		token := last.Login(t, u)
		me := first.Do(t, harness.Me(token)).Want(t, http.StatusOK)
		if got := me.Text("data", "user", "email"); got != u.Email {
			t.Errorf("me is %q, want %q", got, u.Email)
		}
		if me.Value("data", "organizations") == nil {
			t.Error("me answers without organizations")
		}

		list := last.Do(t, harness.Call{Path: "/api/v1/auth/sessions", Token: token}).Want(t, http.StatusOK)
		sessions := list.List(t, "data", "sessions")
		if len(sessions) != 2 || list.Value("data", "count") != float64(2) {
			t.Fatalf("%d sessions, want 2: %s", len(sessions), list.Body)
		}
		current := 0
		for _, s := range sessions {
			if s["is_current"] == true {
				current++
			}
			if id, _ := s["id"].(string); !uuidV7.MatchString(id) {
				t.Errorf("session id %q is no UUIDv7", id)
			}
			for name := range s {
				if strings.Contains(name, "token") || name == "deleted_at" {
					t.Errorf("a session shows %q", name)
				}
			}
		}
		if current != 1 {
			t.Errorf("%d sessions are current, want 1", current)
		}

		other := first.Login(t, u)
		id := first.CurrentSession(t, other)
		path := "/api/v1/auth/sessions/" + id
		last.Do(t, harness.Call{Method: http.MethodDelete, Path: path, Token: token}).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			s.Do(t, harness.Me(other)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
		}
		first.Do(t, harness.Call{Method: http.MethodDelete, Path: path, Token: token}).Want(t, http.StatusOK) // idempotent
		stranger := first.Register(t)
		first.Do(t, harness.Call{Method: http.MethodDelete, Path: path, Token: stranger.Token}).WantError(t, http.StatusNotFound, "NOT_FOUND")

		first.Do(t, harness.Call{Method: http.MethodPost, Path: "/api/v1/auth/logout", Token: token}).Want(t, http.StatusOK)
		for _, s := range sys.Servers {
			s.Do(t, harness.Me(token)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
		}

		noSecretAtRest(t, sys)
	})
}

// noSecretAtRest looks for every token and password of the journey in what the system
// keeps: the files of SQLite, or a dump of PostgreSQL and of Redis.
func noSecretAtRest(t *testing.T, sys *harness.System) {
	t.Helper()
	if sys.Kind != harness.Embedded {
		for _, table := range sys.Tables(t) {
			for _, row := range sys.Query(t, `SELECT t::text FROM "`+table+`" t`) {
				if secret := sys.SecretIn(row[0]); secret != "" {
					t.Errorf("table %s shows the secret %q: %s", table, secret, row[0])
				}
			}
		}
		rdb, err := sys.Redis.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if secret := sys.SecretIn(string(rdb)); secret != "" {
			t.Errorf("Redis shows the secret %q", secret)
		}
		return
	}
	if got := sys.One(t, "PRAGMA integrity_check"); got != "ok" {
		t.Errorf("integrity_check says %q", got)
	}
	files, err := filepath.Glob(sys.SQLite + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if file == sys.SQLite && !bytes.HasPrefix(raw, []byte("SQLite format 3\x00")) {
			t.Errorf("%s is no SQLite file", file)
		}
		if secret := sys.SecretIn(string(raw)); secret != "" {
			t.Errorf("%s shows the secret %q", filepath.Base(file), secret)
		}
	}
}

// What make run promises: migrated, seeded, and a word on where to go next.
func TestServeSeeds(t *testing.T) {
	t.Parallel()
	sys := harness.Prepare(t, harness.Embedded, harness.Options{Env: map[string]string{
		"APP_ENV": "development", "SECRET_KEY": "", "ENCRYPTION_KEY": "", "CA_ENCRYPTION_KEY": "",
		"DATABASE_URL": "", "BCRYPT_LOG_ROUNDS": "", "LOG_FORMAT": "",
	}})
	s := sys.AddArgs(t, "serve", "--seed")
	harness.Eventually(t, time.Minute, "serve says where to go next", func() bool { return strings.Contains(s.Log.String(), "curl") })
	for _, want := range []string{s.URL, "/api/docs", "bob@acme-corp.com"} {
		if !strings.Contains(s.Log.String(), want) {
			t.Errorf("serve does not print %q:\n%s", want, s.Log.Tail(30))
		}
	}
	if _, err := os.Stat(filepath.Join(s.Dir, "data", "authy2.db")); err != nil {
		t.Errorf("the database is not in data/: %v", err)
	}
	for email, password := range map[string]string{
		"bob@acme-corp.com": "UserPass123!", "admin@acme-corp.com": "AdminPass123!", "superadmin@acme-corp.com": "SuperAdmin123!",
	} {
		a := s.Do(t, harness.LoginCall(email, password)).Want(t, http.StatusOK)
		s.Do(t, harness.Me(a.Text("data", "token"))).Want(t, http.StatusOK)
	}
	// Twice is as good as once.
	out, code := harness.Run(t, s.Dir, map[string]string{"APP_ENV": "development"}, "seed")
	if code != 0 {
		t.Errorf("seed again: exit code %d\n%s", code, out)
	}
}
