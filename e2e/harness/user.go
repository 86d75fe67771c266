package harness

import (
	"net/http"
	"testing"
)

// User is somebody who registered.
type User struct {
	ID, Email, Password string
	// Token is the session that registering gave.
	Token string
}

// NewUser makes up somebody who has not registered yet.
func (sys *System) NewUser() User {
	u := User{Email: "user-" + randomHex(8) + "@example.com", Password: "Journey-" + randomHex(8) + "-pass"}
	sys.secrets.add(u.Password)
	return u
}

// Registration is the body that registers u.
func (u User) Registration() map[string]any {
	return map[string]any{"email": u.Email, "password": u.Password, "password_confirm": u.Password, "full_name": "Journey User"}
}

// Register registers somebody new.
func (s *Server) Register(t testing.TB) User {
	t.Helper()
	u := s.sys.NewUser()
	a := s.Do(t, Call{Path: "/api/v1/auth/register", Body: u.Registration()}).Want(t, http.StatusCreated)
	u.ID, u.Token = a.Text("data", "user", "id"), a.Text("data", "token")
	if u.ID == "" || u.Token == "" {
		t.Fatalf("registering answers without user and token: %s", clip(a.Body))
	}
	return u
}

// Login signs u in and returns the token of the new session.
func (s *Server) Login(t testing.TB, u User) string {
	t.Helper()
	a := s.Do(t, LoginCall(u.Email, u.Password)).Want(t, http.StatusOK)
	token := a.Text("data", "token")
	if token == "" {
		t.Fatalf("login answers without a token: %s", clip(a.Body))
	}
	return token
}

// LoginCall is the request that signs somebody in.
func LoginCall(email, password string) Call {
	return Call{Path: "/api/v1/auth/login", Body: map[string]any{"email": email, "password": password}}
}

// Me is the request that a token makes to learn whose it is.
func Me(token string) Call { return Call{Path: "/api/v1/auth/me", Token: token} }

// CurrentSession is the id of the session that token is.
func (s *Server) CurrentSession(t testing.TB, token string) string {
	t.Helper()
	a := s.Do(t, Call{Path: "/api/v1/auth/sessions?limit=100", Token: token}).Want(t, http.StatusOK)
	for _, session := range a.List(t, "data", "sessions") {
		if session["is_current"] == true {
			if id, ok := session["id"].(string); ok {
				return id
			}
		}
	}
	t.Fatalf("no session is current: %s", clip(a.Body))
	return ""
}
