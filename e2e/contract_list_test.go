package e2e_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/authy2/backend/e2e/harness"
)

func listRules() []rule {
	const path = "/api/v1/auth/sessions"
	return []rule{
		{"lists page by cursor", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			for range 6 {
				sys.Last().Login(t, u)
			}
			seen := map[any]bool{}
			next, pages := path+"?limit=3", 0
			for next != "" {
				pages++
				a := sys.Servers[pages%len(sys.Servers)].Do(t, harness.Call{Path: next, Token: u.Token}).Want(t, http.StatusOK)
				rows := a.List(t, "data", "sessions")
				if a.Value("data", "count") != float64(len(rows)) || a.Value("meta", "limit") != float64(3) {
					t.Errorf("count and limit are wrong: %s", a.Body)
				}
				for _, row := range rows {
					if seen[row["id"]] {
						t.Errorf("%v came twice", row["id"])
					}
					seen[row["id"]] = true
				}
				cursor, link := a.Text("meta", "next_cursor"), a.Header.Get("Link")
				next = ""
				if cursor != "" {
					next = path + "?limit=3&cursor=" + url.QueryEscape(cursor)
					if !strings.Contains(link, `rel="next"`) || !strings.Contains(link, "cursor=") {
						t.Errorf("Link is %q", link)
					}
				} else if strings.Contains(link, `rel="next"`) {
					t.Errorf("the last page links on: %q", link)
				}
				if pages > 5 {
					t.Fatal("the pages do not end")
				}
			}
			if len(seen) != 7 || pages != 3 {
				t.Errorf("%d sessions on %d pages, want 7 on 3", len(seen), pages)
			}
			a := sys.First().Do(t, harness.Call{Path: path, Token: u.Token}).Want(t, http.StatusOK)
			if a.Value("meta", "limit") != float64(20) {
				t.Errorf("the default limit is %v, want 20", a.Value("meta", "limit"))
			}
		}},
		{"bad limits, cursors and names are 400", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			for _, query := range []string{
				"limit=0", "limit=101", "limit=-1", "limit=abc", "limit=", "limit=1.5", "limit=99999999999999999999", "limit=%00", "limit=1&limit=2", "limit=+1", "limit=0x10",
				"cursor=abc", "cursor=%00", "cursor=e30", "cursor=bnVsbA", "cursor=" + strings.Repeat("A", 5000), "cursor=%F0%9F%98%80", "cursor=a&cursor=b",
				"unknown=1", "Limit=1", "limit=1&offset=2", "%zz=1", "limit=%zz", "a;b=1",
			} {
				sys.First().Do(t, harness.Call{Path: path + "?" + query, Token: u.Token}).Want(t, http.StatusBadRequest)
			}
		}},
		{"a cursor of another list or user is no key", func(t *testing.T, sys *harness.System) {
			u, v := sys.First().Register(t), sys.First().Register(t)
			sys.First().Login(t, u)
			a := sys.First().Do(t, harness.Call{Path: path + "?limit=1", Token: u.Token}).Want(t, http.StatusOK)
			b := sys.First().Do(t, harness.Call{Path: path + "?limit=1&cursor=" + url.QueryEscape(a.Text("meta", "next_cursor")), Token: v.Token})
			if b.Status == http.StatusOK {
				for _, row := range b.List(t, "data", "sessions") {
					if row["user_id"] != v.ID {
						t.Errorf("a session of somebody else: %v", row)
					}
				}
			}
		}},
		{"revoking all keeps the current one unless asked", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			a, b := sys.First().Login(t, u), sys.Last().Login(t, u)
			gone := sys.First().Do(t, harness.Call{Method: http.MethodDelete, Path: path, Token: a}).Want(t, http.StatusOK)
			if gone.Value("data", "revoked") != float64(2) {
				t.Errorf("revoked is %v, want 2", gone.Value("data", "revoked"))
			}
			for _, s := range sys.Servers {
				s.Do(t, harness.Me(a)).Want(t, http.StatusOK)
				s.Do(t, harness.Me(b)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
				s.Do(t, harness.Me(u.Token)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
			}
			sys.Last().Do(t, harness.Call{Method: http.MethodDelete, Path: path + "?include_current=true", Token: a}).Want(t, http.StatusOK)
			for _, s := range sys.Servers {
				s.Do(t, harness.Me(a)).WantError(t, http.StatusUnauthorized, "INVALID_TOKEN")
			}
		}},
	}
}

func etagRules() []rule {
	const path = "/api/v1/users/me"
	patch := func(token, match, name string) harness.Call {
		c := harness.Call{Method: http.MethodPatch, Path: path, Token: token, Body: map[string]any{"full_name": name}}
		if match != "" {
			c.Header = map[string]string{"If-Match": match}
		}
		return c
	}
	return []rule{
		{"ETag and If-Match", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			get := func() string {
				tag := sys.Last().Do(t, harness.Call{Path: path, Token: u.Token}).Want(t, http.StatusOK).Header.Get("Etag")
				if len(tag) < 3 || !strings.HasSuffix(tag, `"`) {
					t.Fatalf("ETag is %q", tag)
				}
				return tag
			}
			tag := get()
			sys.Last().Login(t, u)
			if again := get(); again != tag {
				t.Errorf("signing in changed the ETag: %s, %s", tag, again)
			}
			changed := sys.First().Do(t, patch(u.Token, tag, "One")).Want(t, http.StatusOK).Header.Get("Etag")
			if changed == tag || changed != get() {
				t.Errorf("the ETag is %s after a change that answered %s, %s before", get(), changed, tag)
			}
			sys.First().Do(t, patch(u.Token, tag, "Two")).WantError(t, http.StatusPreconditionFailed, "PRECONDITION_FAILED")
			sys.First().Do(t, patch(u.Token, `"nothing"`, "Two")).WantError(t, http.StatusPreconditionFailed, "PRECONDITION_FAILED")
			sys.First().Do(t, patch(u.Token, `"nothing", `+changed, "Three")).Want(t, http.StatusOK)
			sys.First().Do(t, patch(u.Token, "*", "Four")).Want(t, http.StatusOK)
			sys.First().Do(t, patch(u.Token, "", "Five")).Want(t, http.StatusOK)
			for _, match := range []string{"W/" + get(), "x", `"`, ",", strings.Repeat("x", 9000)} {
				a := sys.First().Do(t, patch(u.Token, match, "Six"))
				if a.Status != http.StatusPreconditionFailed && a.Status != http.StatusBadRequest {
					t.Errorf("If-Match %.40q: status %d", match, a.Status)
				}
			}
			del := harness.Call{Method: http.MethodDelete, Path: path, Token: u.Token, Body: map[string]any{"current_password": u.Password}, Header: map[string]string{"If-Match": tag}}
			sys.First().Do(t, del).WantError(t, http.StatusPreconditionFailed, "PRECONDITION_FAILED")
			del.Header["If-Match"] = get()
			sys.First().Do(t, del).Want(t, http.StatusOK)
			for _, s := range sys.Servers {
				s.Do(t, harness.Me(u.Token)).Want(t, http.StatusUnauthorized)
			}
		}},
		{"one of two changes on one ETag wins", func(t *testing.T, sys *harness.System) {
			u := sys.First().Register(t)
			for round := range 5 {
				tag := sys.First().Do(t, harness.Call{Path: path, Token: u.Token}).Header.Get("Etag")
				won := 0
				for _, a := range together(t, 8, func(i int) (*harness.Answer, error) {
					return sys.Servers[i%len(sys.Servers)].Try(t.Context(), patch(u.Token, tag, fmt.Sprintf("Round %d of %d", round, i)))
				}) {
					switch a.Status {
					case http.StatusOK:
						won++
					case http.StatusPreconditionFailed:
					default:
						t.Errorf("status %d: %s", a.Status, a.Body)
					}
				}
				if won != 1 {
					t.Errorf("%d changes won, want 1", won)
				}
			}
		}},
	}
}
