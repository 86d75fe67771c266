package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// Off means absent: without audit nothing is recorded and nothing else changes; without
// tenancy there are people and sessions and no organizations.
func TestWithoutModules(t *testing.T) {
	t.Parallel()
	for modules, absent := range map[string][]string{
		"identity,sessions,tenancy": {"audit"},
		"identity,sessions,audit":   {"organizations", "invites"},
		"identity,sessions":         {"audit", "organizations", "invites"},
	} {
		t.Run(modules, func(t *testing.T) {
			t.Parallel()
			options := harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}, Env: map[string]string{"MODULES": modules}}
			harness.Each(t, options, func(t *testing.T, sys *harness.System) {
				s := sys.First()
				u := s.Register(t)
				s.Login(t, u)
				s.Do(t, harness.LoginCall(u.Email, "Wrong-password-1")).Want(t, http.StatusUnauthorized)
				s.Do(t, rename(u, 1)).Want(t, http.StatusOK)
				for _, operation := range s.Document(t).Operations {
					for _, word := range absent {
						if strings.Contains(operation.Path, word) || strings.Contains(operation.ID, word) {
							t.Errorf("%s %s is in the document", operation.Method, operation.Path)
						}
					}
				}
				for _, table := range sys.Tables(t) {
					if strings.HasPrefix(table, "audit_") && !strings.Contains(modules, "audit") || strings.HasPrefix(table, "tenancy_") && !strings.Contains(modules, "tenancy") {
						t.Errorf("table %s exists", table)
					}
				}
				jobs, _ := sys.CLI(t, nil, "jobs", "list")
				for _, word := range absent {
					if strings.Contains(jobs, strings.TrimSuffix(word, "s")) {
						t.Errorf("a job of an absent module:\n%s", jobs)
					}
				}
				if !strings.Contains(modules, "audit") {
					s.Do(t, harness.Call{Path: myTrail, Token: u.Token}).WantError(t, http.StatusNotFound, "NOT_FOUND")
				} else if len(s.Trail(t, u.Token, myTrail)) < 3 {
					t.Error("the trail misses something")
				}
				if strings.Contains(modules, "tenancy") {
					guest := s.Register(t)
					o := s.Found(t, u.Token)
					s.AddMember(t, u.Token, o, guest, "guest")
					s.Do(t, harness.Rename(guest.Token, o, "Mine")).WantError(t, http.StatusForbidden, "AUTHORIZATION_ERROR")
					s.Do(t, deleteMe(u)).WantError(t, http.StatusConflict, "CONFLICT")
					return
				}
				s.Do(t, harness.Call{Path: organizationsPath, Token: u.Token, Body: map[string]any{"name": "None"}}).WantError(t, http.StatusNotFound, "NOT_FOUND")
				s.Do(t, harness.Call{Path: myOrganizationsPath, Token: u.Token}).WantError(t, http.StatusNotFound, "NOT_FOUND")
				if list := s.Do(t, harness.Me(u.Token)).Want(t, http.StatusOK).List(t, "data", "organizations"); len(list) != 0 {
					t.Errorf("organizations without tenancy: %v", list)
				}
				s.Do(t, deleteMe(u)).Want(t, http.StatusOK)
			})
		})
	}
}

// The trail alone is for those who look after it: a command line and no routes.
func TestAuditAlone(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Embedded, harness.Options{Env: map[string]string{"MODULES": "audit"}})
	wantVerified(t, sys)
	for _, operation := range sys.First().Document(t).Operations {
		if strings.Contains(operation.Path, "audit") {
			t.Errorf("%s %s is in the document", operation.Method, operation.Path)
		}
	}
	sys.First().Do(t, harness.Call{Path: myTrail}).WantError(t, http.StatusNotFound, "NOT_FOUND")
}

// What happened to an account while the modules that keep its id were off is made up for
// when they are on again.
func TestModulesSwitchedOnAgain(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Embedded, harness.Options{Env: map[string]string{"MODULES": ""}})
	s := sys.First()
	u, v := s.Register(t), s.Register(t)
	o := s.Found(t, v.Token)
	s.AddMember(t, v.Token, o, u, "admin")
	s.Terminate(t)
	sys.Options.Env["MODULES"] = "identity,sessions"
	s.Start(t)
	s.Do(t, deleteMe(u)).Want(t, http.StatusOK)
	s.Terminate(t)
	sys.Options.Env["MODULES"] = ""
	s.Start(t)
	// The job that catches up can be run by hand; nothing shows the user before it either.
	jobs, _ := sys.CLI(t, nil, "jobs", "list")
	for line := range strings.Lines(jobs) {
		if name, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.Contains(name, "reconcile") {
			if out, code := sys.CLI(t, nil, "jobs", "run", name); code != 0 {
				t.Errorf("%s: exit code %d\n%s", name, code, out)
			}
		}
	}
	a := s.Do(t, harness.Call{Path: o.Path(), Token: v.Token}).Want(t, http.StatusOK)
	if a.Value("data", "member_count") != float64(1) {
		t.Errorf("a deleted user is still a member: %s", a.Body)
	}
	wantVerified(t, sys)
}
