package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/authy2/backend/configs"
	"github.com/authy2/backend/platform/config"
	"github.com/authy2/backend/platform/database"
	"github.com/authy2/backend/platform/kernel"
	"github.com/authy2/backend/platform/platformtest"
)

// asked marks the context of a test's own requests. What else runs in the system, such as
// the mails that follow a registration, is not what a request takes.
type asked struct{}

// observed is a whole system whose requests' statements are heard.
type observed struct {
	app        *kernel.App
	mu         sync.Mutex
	statements []string
}

func (o *observed) hear(ctx context.Context, sql string) {
	if ctx.Value(asked{}) == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.statements = append(o.statements, sql)
}

// newObserved starts the modules on the backend that the variables name.
func newObserved(t *testing.T, names, databaseURL, redisURL string) *observed {
	t.Helper()
	all := modules()
	dir := t.TempDir()
	loaded, err := config.Load(config.Options{Profile: config.Testing, Profiles: configs.FS, Environ: []string{
		"DATABASE_URL=" + databaseURL, "REDIS_URL=" + redisURL, "MODULES=" + names, "JOBS_IN_PROCESS=false", "HTTP_ADDR=127.0.0.1:0",
		"MAIL_DIR=" + filepath.Join(dir, "mail"), "RATELIMIT_ENABLED=false",
		"SECRET_KEY=statement:kq3vZ0mT8bWcR1xYp5sLdF7hJ2nGa6uE", "ENCRYPTION_KEY=statement:kq3vZ0mT8bWcR1xYp5sLdF7hJ2nGa6uE",
	}}, kernel.Sections(all))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := kernel.NewPlan(all, loaded.Selection)
	if err != nil {
		t.Fatal(err)
	}
	o := new(observed)
	o.app, err = kernel.New(kernel.Options{
		Loaded: loaded, Plan: plan, Wire: wire(plan), Serve: true, Database: database.Settings{Strict: true, StatementObserver: o.hear},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.app.Stop(context.Background()) })
	return o
}

// ask makes a request and returns its data and the statements it took.
func (o *observed) ask(t *testing.T, method, path, token string, body any, status int) (map[string]any, []string) {
	t.Helper()
	var sent bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&sent).Encode(body); err != nil {
			t.Fatal(err)
		}
	}
	r := httptest.NewRequestWithContext(context.WithValue(t.Context(), asked{}, true), method, path, &sent)
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	o.mu.Lock()
	o.statements = nil
	o.mu.Unlock()
	w := httptest.NewRecorder()
	o.app.Handler().ServeHTTP(w, r)
	o.mu.Lock()
	defer o.mu.Unlock()
	heard := o.statements
	var answer struct{ Data map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != status {
		t.Fatalf("%s %s = %d %s", method, path, w.Code, w.Body)
	}
	return answer.Data, heard
}

// TestStatements pins how many statements the requests take that many people make: a
// log-in at most four and a registration at most five with identity, sessions and the
// trail, and each further module one read more: tenancy what the user belongs to, and the
// policies on second factors, for members of organizations, what those ask.
func TestStatements(t *testing.T) {
	t.Parallel()
	for name, urls := range map[string]func(t *testing.T) (string, string){
		"sqlite": func(t *testing.T) (string, string) {
			t.Helper()
			return "sqlite:" + filepath.Join(t.TempDir(), "authy2.db"), ""
		},
		"postgres": func(t *testing.T) (string, string) {
			t.Helper()
			return platformtest.PostgresURL(t), platformtest.RedisURL(t)
		},
	} {
		for names, more := range map[string]int{"identity,sessions,audit": 0, "identity,sessions,audit,tenancy,contact": 1} {
			t.Run(name+" "+names, func(t *testing.T) {
				t.Parallel()
				databaseURL, redisURL := urls(t)
				o := newObserved(t, names, databaseURL, redisURL)
				pin := func(what string, heard []string, most int) {
					t.Helper()
					if len(heard) == 0 && most > 3 {
						t.Errorf("nothing was heard of %s", what)
					}
					if len(heard) > most {
						t.Errorf("%s takes %d statements, want at most %d:\n%s", what, len(heard), most, strings.Join(heard, "\n"))
					}
				}
				const password = "a long enough secret"
				_, heard := o.ask(t, http.MethodPost, "/api/v1/auth/register", "", map[string]string{
					"email": "ann@example.com", "password": password, "password_confirm": password,
				}, http.StatusCreated)
				pin("a registration", heard, 5+more)
				data, heard := o.ask(t, http.MethodPost, "/api/v1/auth/login", "", map[string]string{
					"email": "ann@example.com", "password": password,
				}, http.StatusOK)
				pin("a log-in", heard, 4+more)
				token, _ := data["token"].(string)
				_, heard = o.ask(t, http.MethodGet, "/api/v1/users/me", token, nil, http.StatusOK)
				pin("a session check", heard, 0)
				_, heard = o.ask(t, http.MethodGet, "/api/v1/auth/me", token, nil, http.StatusOK)
				pin("the user with their organizations", heard, more)
				if more == 0 {
					return
				}
				data, _ = o.ask(t, http.MethodPost, "/api/v1/organizations", token, map[string]string{"name": "Acme"}, http.StatusCreated)
				organization, _ := data["organization"].(map[string]any)
				_, heard = o.ask(t, http.MethodPost, "/api/v1/auth/login", "", map[string]string{
					"email": "ann@example.com", "password": password,
				}, http.StatusOK)
				pin("a log-in of a member", heard, 4+more+1)
				path := "/api/v1/organizations/" + organization["id"].(string)
				_, _ = o.ask(t, http.MethodGet, "/api/v1/users/me", token, nil, http.StatusOK) // the session is read anew once
				_, heard = o.ask(t, http.MethodGet, path, token, nil, http.StatusOK)
				pin("reading an organization", heard, 1)
				_, heard = o.ask(t, http.MethodGet, path+"/members", token, nil, http.StatusOK)
				pin("a list of members", heard, 2)
				_, heard = o.ask(t, http.MethodGet, "/api/v1/users/me/organizations", token, nil, http.StatusOK)
				pin("a user's organizations", heard, 1)
				_, heard = o.ask(t, http.MethodGet, path+"/audit-logs", token, nil, http.StatusOK)
				pin("a page of the trail", heard, 3)
			})
		}
	}
}
