package e2e_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

func idempotencyRules() []rule {
	keyed := func(u harness.User, key string) harness.Call {
		return harness.Call{Path: registerPath, Body: u.Registration(), Header: map[string]string{"Idempotency-Key": key}}
	}
	return []rule{
		{"the same key and body replay the first answer", func(t *testing.T, sys *harness.System) {
			u := sys.NewUser()
			call := keyed(u, "first-"+u.Email)
			first := sys.First().Do(t, call).Want(t, http.StatusCreated)
			for _, s := range sys.Servers {
				again := s.Do(t, call).Want(t, http.StatusCreated)
				if again.Text("data", "token") != first.Text("data", "token") || again.Text("data", "user", "id") != first.Text("data", "user", "id") {
					t.Errorf("the replay answers something else:\n%s\n%s", first.Body, again.Body)
				}
				s.Do(t, harness.Me(again.Text("data", "token"))).Want(t, http.StatusOK)
			}
			other := u.Registration()
			other["full_name"] = "Somebody Else"
			sys.Last().Do(t, harness.Call{Path: registerPath, Body: other, Header: call.Header}).WantError(t, http.StatusConflict, "IDEMPOTENCY_CONFLICT")
			// Nothing of the kept answer is in clear.
			if sys.Kind != harness.Embedded {
				noSecretAtRest(t, sys)
			}
		}},
		{"errors are replayed too", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			call := keyed(u, "taken-"+u.Email)
			first := sys.First().Do(t, call).WantError(t, http.StatusConflict, "CONFLICT")
			again := sys.Last().Do(t, call).WantError(t, http.StatusConflict, "CONFLICT")
			if first.Text("error", "type") != again.Text("error", "type") {
				t.Errorf("the replay answers another error:\n%s\n%s", first.Body, again.Body)
			}
		}},
		{"parallel requests with one key have one effect", func(t *testing.T, sys *harness.System) {
			for range 4 {
				u := sys.NewUser()
				call := keyed(u, "parallel-"+u.Email)
				var token []byte
				for _, a := range together(t, 16, func(i int) (*harness.Answer, error) { return sys.Servers[i%len(sys.Servers)].Try(t.Context(), call) }) {
					switch {
					case a.Status == http.StatusCreated:
						got := []byte(a.Text("data", "token"))
						sys.Secret(string(got))
						if token != nil && !bytes.Equal(token, got) {
							t.Errorf("two tokens for one key")
						}
						token = got
					case a.Status == http.StatusConflict && a.Text("error", "type") == "IDEMPOTENCY_CONFLICT" && a.Header.Get("Retry-After") != "":
					default:
						t.Errorf("status %d: %s", a.Status, a.Body)
					}
				}
				if token == nil {
					t.Error("nobody succeeded")
				}
			}
		}},
		{"keys are checked", func(t *testing.T, sys *harness.System) {
			for _, key := range []string{"", " ", "é", strings.Repeat("k", 256), "a b"} {
				sys.First().Do(t, keyed(sys.NewUser(), key)).Want(t, http.StatusBadRequest)
			}
			sys.First().Do(t, keyed(sys.NewUser(), strings.Repeat("k", 255)+"")).Want(t, http.StatusCreated)
		}},
	}
}
