package tenancy_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/crypto"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// badges are principals by their tokens.
type badges map[string]*authn.Principal

func (b badges) Authenticate(_ context.Context, token string) (*authn.Principal, error) {
	if p, ok := b[token]; ok {
		return p, nil
	}
	return nil, apperr.ErrInvalidToken
}

// newEdge is the module behind the real edge.
func newEdge(t *testing.T, h *host, who badges) http.Handler {
	t.Helper()
	keys, err := crypto.ParseKeyring(secret.New("test:" + strings.Repeat("5b", 32)))
	if err != nil {
		t.Fatal(err)
	}
	api, err := httpx.New(httpx.Settings{PublicURL: "https://id.example.com", Version: "test"}, httpx.Deps{
		Log: h.Log, Clock: h.Clock, Random: rand.Reader, Authenticator: who, Answers: httpx.NewAnswers(h.DB, h.Store, keys, h.Clock, rand.Reader, h.Log),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Mount(h.Endpoints(), nil); err != nil {
		t.Fatal(err)
	}
	return api.Handler()
}

// call is a request as JSON; a token of "" is nobody.
type call struct{ method, path, token, body, key string }

// reply is what matters of an answer.
type reply struct {
	status int
	header http.Header
	body   string
	Data   map[string]any
	Error  struct{ Type string }
}

func (c call) send(t testing.TB, to http.Handler) reply {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), c.method, c.path, strings.NewReader(c.body))
	req.RemoteAddr = "203.0.113.7:4711"
	for name, value := range map[string]string{"Authorization": c.token, "Content-Type": c.body, "Idempotency-Key": c.key} {
		switch {
		case value == "":
		case name == "Content-Type":
			req.Header.Set(name, "application/json")
		case name == "Authorization":
			req.Header.Set(name, "Bearer "+value)
		default:
			req.Header.Set(name, value)
		}
	}
	w := httptest.NewRecorder()
	to.ServeHTTP(w, req)
	r := reply{status: w.Code, header: w.Header(), body: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatalf("%s %s answers %s", c.method, c.path, r.body)
	}
	return r
}

func TestInvitesOverHTTP(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann, bob := h.enter(t, "ann"), h.enter(t, "bob")
		to := newEdge(t, h, badges{"ann": ann, "bob": bob})
		o := h.found(t, ann.UserID, "Acme")
		invites := "/api/v1/organizations/" + o.ID + "/invites"
		want := func(c call, status int, kind string) reply {
			t.Helper()
			r := c.send(t, to)
			if r.status != status || r.Error.Type != kind {
				t.Fatalf("%s %s as %q: %d %s, want %d %s", c.method, c.path, c.token, r.status, r.body, status, kind)
			}
			return r
		}
		create := call{"POST", invites, "ann", `{"email":"New@Example.com","role":"member"}`, "k1"}
		first := want(create, http.StatusCreated, "")
		if again := want(create, http.StatusCreated, ""); again.body != first.body {
			t.Errorf("the key repeats %s, want %s", again.body, first.body)
		}
		i, _ := first.Data["invite"].(map[string]any)
		if i["email"] != "new@example.com" || i["role"] != "member" || i["expires_at"] == nil || first.header.Get("Location") != "" {
			t.Errorf("created %s", first.body)
		}
		token := h.mailed(t, "new") // and no second one
		if strings.Contains(first.body, token) {
			t.Error("the answer holds the token")
		}
		one := invites + "/" + i["id"].(string)
		want(call{"POST", one + "/resend", "ann", "", ""}, http.StatusOK, "")
		preview := "/api/v1/invites/"
		want(call{"GET", preview + token, "", "", ""}, http.StatusNotFound, "NOT_FOUND")
		token = h.mailed(t, "new")
		seen := want(call{"GET", preview + token, "", "", ""}, http.StatusOK, "")
		if seen.Data["email"] != "new@example.com" || seen.Data["user_exists"] != false || seen.Data["role"] != "member" ||
			seen.Data["organization"].(map[string]any)["name"] != "Acme" || len(seen.Data) != 4 {
			t.Errorf("the token shows %s", seen.body)
		}
		list := want(call{"GET", invites, "ann", "", ""}, http.StatusOK, "")
		if list.Data["count"] != 1.0 || len(list.Data["invites"].([]any)) != 1 {
			t.Errorf("the list is %s", list.body)
		}
		mine := want(call{"GET", "/api/v1/users/me/invites", "bob", "", ""}, http.StatusOK, "")
		if mine.Data["count"] != 0.0 || mine.Data["invites"] == nil {
			t.Errorf("received %s", mine.body)
		}
		accept := preview + token + "/accept"
		want(call{"POST", accept, "", "{}", ""}, http.StatusBadRequest, "VALIDATION_ERROR")
		want(call{"POST", accept, "", "", ""}, http.StatusBadRequest, "VALIDATION_ERROR")
		want(call{"POST", accept, "unknown", "{}", ""}, http.StatusUnauthorized, "INVALID_TOKEN")
		want(call{"POST", accept, "bob", "{}", ""}, http.StatusForbidden, "AUTHORIZATION_ERROR")
		newcomer := call{"POST", accept, "", `{"password":"` + password + `","password_confirm":"` + password + `","full_name":"New Comer"}`, "k2"}
		done := want(newcomer, http.StatusOK, "")
		if again := want(newcomer, http.StatusOK, ""); again.body != done.body || done.Data["token"] == nil || done.Data["expires_at"] == nil ||
			done.Data["user"].(map[string]any)["email"] != "new@example.com" || done.Data["organization"].(map[string]any)["role"] != "member" {
			t.Errorf("accepting answers %s, then %s", done.body, again.body)
		}
		if len(done.header.Values("Set-Cookie")) != 1 {
			t.Errorf("the cookies are %v", done.header.Values("Set-Cookie"))
		}
		newcomer.key = ""
		want(newcomer, http.StatusNotFound, "NOT_FOUND")
		want(create, http.StatusCreated, "") // the answer that is kept
		create.key = ""
		want(create, http.StatusConflict, "CONFLICT")

		create.body = `{"email":"bob@example.com","role":"guest"}`
		i, _ = want(create, http.StatusCreated, "").Data["invite"].(map[string]any)
		accept = preview + h.mailed(t, "bob") + "/accept"
		want(call{"POST", accept, "", "{}", ""}, http.StatusUnauthorized, "AUTH_REQUIRED")
		done = want(call{"POST", accept, "bob", "{}", ""}, http.StatusOK, "")
		if _, issued := done.Data["token"]; issued || done.Data["user"].(map[string]any)["id"] != bob.UserID || done.Data["expires_at"] == nil {
			t.Errorf("accepting answers %s", done.body)
		}
		want(call{"DELETE", invites + "/" + i["id"].(string), "ann", "", ""}, http.StatusNotFound, "NOT_FOUND")
		want(call{"GET", invites, "bob", "", ""}, http.StatusForbidden, "AUTHORIZATION_ERROR")

		// Wrong tokens are one answer, whatever is wrong with them.
		var answer string
		for _, wrong := range []string{strings.Repeat("A", 43), "x", strings.Repeat("y", 200), "%00", "%FF", token} {
			r := want(call{"GET", preview + wrong, "", "", ""}, http.StatusNotFound, "NOT_FOUND")
			r.body = strings.ReplaceAll(r.body, r.header.Get("X-Request-ID"), "")
			if answer == "" {
				answer = r.body
			}
			if r.body != answer {
				t.Errorf("%q is answered %s, want %s", wrong, r.body, answer)
			}
			want(call{"POST", preview + wrong + "/accept", "bob", "{}", ""}, http.StatusNotFound, "NOT_FOUND")
		}
		if n := len(h.roles(t, o.ID)); n != 3 || h.roles(t, o.ID)[bob.UserID] != tenancy.RoleGuest {
			t.Errorf("the roles are %v", h.roles(t, o.ID))
		}
	})
}
