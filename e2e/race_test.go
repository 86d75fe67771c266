package e2e_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

// 64 callers register one email at one instant: one succeeds, the others conflict.
func TestOneEmailManyRegistrations(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		for round := range 10 {
			u := sys.NewUser()
			created := 0
			for _, a := range together(t, 64, func(i int) (*harness.Answer, error) {
				body := u.Registration()
				body["full_name"] = fmt.Sprintf("Caller %d", i)
				return sys.Servers[i%len(sys.Servers)].Try(t.Context(), harness.Call{Path: registerPath, Body: body})
			}) {
				switch {
				case a.Status == http.StatusCreated:
					created++
				case a.Status == http.StatusConflict && a.Text("error", "type") == "CONFLICT":
				default:
					t.Errorf("round %d: status %d: %s", round, a.Status, a.Body)
				}
			}
			if created != 1 {
				t.Errorf("round %d: %d registrations succeeded", round, created)
			}
		}
	})
}

// 64 writers at once: no "database is locked", no 5xx.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		for range 3 {
			users := make([]harness.User, 64)
			for i := range users {
				users[i] = sys.NewUser()
			}
			for _, a := range together(t, len(users), func(i int) (*harness.Answer, error) {
				return sys.Servers[i%len(sys.Servers)].Try(t.Context(), harness.Call{Path: registerPath, Body: users[i].Registration()})
			}) {
				if a.Status != http.StatusCreated {
					t.Errorf("status %d: %s", a.Status, a.Body)
				}
			}
		}
	})
}

// The same session revoked by many at once, and a user deleted by many at once.
func TestRevokeAndDeleteTogether(t *testing.T) {
	t.Parallel()
	harness.Each(t, harness.Options{}, func(t *testing.T, sys *harness.System) {
		for range 5 {
			u := sys.First().Register(t)
			token := sys.Last().Login(t, u)
			id := sys.Last().CurrentSession(t, token)
			for _, a := range together(t, 16, func(i int) (*harness.Answer, error) {
				return sys.Servers[i%len(sys.Servers)].Try(t.Context(), revoke(u.Token, id))
			}) {
				if a.Status != http.StatusOK {
					t.Errorf("revoke: status %d: %s", a.Status, a.Body)
				}
			}
			gone := 0
			for _, a := range together(t, 16, func(i int) (*harness.Answer, error) {
				s := sys.Servers[i%len(sys.Servers)]
				if i%4 == 3 { // sign-ins that race with the deletion
					return s.Try(t.Context(), harness.LoginCall(u.Email, u.Password))
				}
				return s.Try(t.Context(), harness.Call{Method: http.MethodDelete, Path: "/api/v1/users/me", Token: u.Token, Body: map[string]any{"current_password": u.Password}})
			}) {
				switch {
				case a.Call.Path == loginPath:
					if a.Status != http.StatusOK && a.Status != http.StatusUnauthorized {
						t.Errorf("login: status %d: %s", a.Status, a.Body)
					}
					if token := a.Text("data", "token"); token != "" {
						for _, s := range sys.Servers {
							defer func() { s.Do(t, harness.Me(token)).Want(t, http.StatusUnauthorized) }()
						}
					}
				case a.Status == http.StatusOK:
					gone++
				case a.Status != http.StatusUnauthorized && a.Status != http.StatusNotFound:
					t.Errorf("delete: status %d: %s", a.Status, a.Body)
				}
			}
			if gone != 1 {
				t.Errorf("%d deletions succeeded", gone)
			}
		}
	})
}
