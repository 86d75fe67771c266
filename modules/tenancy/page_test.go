package tenancy_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/tenancy"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/httpx"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/web"
)

const sessionCookie = "__Host-authy2_session"

// newPages are the module's pages behind the real edge.
func newPages(t *testing.T, h *host, who badges) http.Handler {
	t.Helper()
	const publicURL = "https://id.example.com"
	api, err := httpx.New(httpx.Settings{PublicURL: publicURL}, httpx.Deps{Log: h.Log, Clock: h.Clock, Random: rand.Reader, Authenticator: who})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := web.New(web.Brand{Name: "Acme ID"}, publicURL, api)
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Mount(nil, pages.Raw(h.Pages())); err != nil {
		t.Fatal(err)
	}
	return api.Handler()
}

// click is a browser's request for the page of invitations: a GET without fields, and a POST
// from the page otherwise. as is who is signed in.
type click struct {
	name, token, as string
	fields          url.Values
	status          int
	shows           string
}

func (c click) do(t *testing.T, to http.Handler) (string, []*http.Cookie) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/invite?token="+c.token, nil)
	if c.fields != nil {
		c.fields.Set("token", c.token)
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/invite", strings.NewReader(c.fields.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "null") // as browsers do under no-referrer
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if c.as != "" {
		r.Header.Set("Cookie", sessionCookie+"="+c.as)
	}
	r.RemoteAddr = "203.0.113.7:4711"
	w := httptest.NewRecorder()
	to.ServeHTTP(w, r)
	res := w.Result()
	defer res.Body.Close()
	body := w.Body.String()
	if w.Code != c.status || !strings.Contains(body, c.shows) {
		t.Errorf("%s: %d, want %d and %q\n%s", c.name, w.Code, c.status, c.shows, body)
	}
	if strings.Contains(body, "<script") || strings.Contains(body, password) {
		t.Errorf("%s: the page is:\n%s", c.name, body)
	}
	return body, res.Cookies()
}

func newcomer(name, secret, confirm string) url.Values {
	return url.Values{"full_name": {name}, "password": {secret}, "password_confirm": {confirm}, "email": {"evil@example.com"}}
}

const noInvite = "There is no such invitation"

func TestInvitePageOfANewcomer(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann := h.enter(t, "ann")
		pages := newPages(t, h, badges{"ann": ann})
		o := h.found(t, ann.UserID, `<script>alert("1")</script> & Söhne`)
		_, token := h.invite(t, ann, o.ID, "new", tenancy.RoleAdmin)
		const join = `<h1 dir="auto">Join &lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt; &amp; Söhne</h1>`
		for _, c := range []click{
			{"no token", "", "", nil, 404, noInvite},
			{"no token, sent", "", "", newcomer("", password, password), 404, noInvite},
			{"cut short", token[:9], "", nil, 404, noInvite},
			{"unknown", strings.Repeat("x", 43), "", newcomer("", password, password), 404, noInvite},
			{"look", token, "", nil, 200, join},
			{"look again", token, "", nil, 200, "Create account and join</button>"},
			{"nothing", token, "", url.Values{}, 400, `<a href="#field-password">Password: Missing data for required field.</a>`},
			{"weak", token, "", newcomer(`"><script>`, "short", "short"), 400, `value="&#34;&gt;&lt;script&gt;"`},
			{"in somebody else's browser", token, "ann", nil, 200, "You are signed in here as ann@example.com."},
		} {
			body, cookies := c.do(t, pages)
			if len(cookies) != 0 {
				t.Errorf("%s: cookies %v", c.name, cookies)
			}
			if b.Name == "sqlite" && (c.name == "look" || c.name == "weak") {
				platformtest.Golden(t, "testdata/page_"+c.name+".html", []byte(stable(body, token)))
			}
		}
		if accounts, sessions := h.counter.made(); accounts != 0 || sessions != 0 || len(h.roles(t, o.ID)) != 1 {
			t.Fatalf("looking made %d accounts and %d sessions", accounts, sessions)
		}
		// Nothing came of it: the form may be sent again.
		h.counter.refuse = apperr.ErrUnavailable
		click{"away", token, "", newcomer("New", password, password), 503, "Not right now"}.do(t, pages)
		h.counter.refuse = nil
		_, cookies := click{"join", token, "", newcomer("New Comer", password, password), 200, "you are signed in to it in this browser"}.do(t, pages)
		accounts, sessions := h.counter.accounts, h.counter.sessions
		if len(accounts) != 1 || accounts[0].Email != "new@example.com" || accounts[0].FullName != "New Comer" || len(sessions) != 1 {
			t.Fatalf("made %+v and %d sessions", accounts, len(sessions))
		}
		if len(cookies) != 1 || cookies[0].Name != sessionCookie || cookies[0].Value != sessions[0] || !cookies[0].HttpOnly || !cookies[0].Secure ||
			cookies[0].Path != "/" || cookies[0].SameSite != http.SameSiteLaxMode {
			t.Errorf("the cookies are %v", cookies)
		}
		click{"again", token, "", newcomer("New Comer", password, password), 404, "If you have just accepted it, you are done."}.do(t, pages)
		click{"look again", token, "", nil, 404, noInvite}.do(t, pages)

		_, token = h.invite(t, ann, o.ID, "late", tenancy.RoleGuest)
		h.counter.meet = func() { h.enter(t, "late") }
		click{"meets a registration", token, "", newcomer("", password, password), 401, "has an account already"}.do(t, pages)
		h.counter.meet = nil
		h.Clock.Advance(8 * 24 * time.Hour)
		click{"expired", token, "", nil, 410, "This invitation has expired"}.do(t, pages)
		click{"expired, sent", token, "", url.Values{}, 410, "This invitation has expired"}.do(t, pages)
	})
}

func TestInvitePageOfAUser(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHost(t, b)
		ann, bob := h.enter(t, "ann"), h.enter(t, "bob")
		pages := newPages(t, h, badges{"ann": ann, "bob": bob})
		o := h.found(t, ann.UserID, "Acme")
		_, token := h.invite(t, ann, o.ID, "bob", tenancy.RoleMember)
		const signIn = "To accept, sign in to it in this browser"
		for _, c := range []click{
			{"nobody", token, "", nil, 200, signIn},
			{"a session that is over", token, "old", nil, 200, signIn},
			{"nobody, sent", token, "", url.Values{}, 401, signIn},
			{"nobody, with a password", token, "", newcomer("", password, password), 401, signIn},
			{"somebody else", token, "ann", nil, 200, "You are signed in as ann@example.com, and the invitation is for another account. To accept, sign in as bob@example.com"},
			{"somebody else, sent", token, "ann", url.Values{}, 403, "the invitation is for another account"},
			{"the invited", token, "bob", nil, 200, "Accept the invitation</button>"},
		} {
			body, cookies := c.do(t, pages)
			if offered := strings.Contains(body, "<form"); offered != (c.name == "the invited") || len(cookies) != 0 {
				t.Errorf("%s: cookies %v\n%s", c.name, cookies, body)
			}
			if b.Name == "sqlite" && (c.name == "nobody" || c.name == "the invited") {
				platformtest.Golden(t, "testdata/page_"+strings.ReplaceAll(c.name, " ", "_")+".html", []byte(stable(body, token)))
			}
		}
		if len(h.roles(t, o.ID)) != 1 {
			t.Fatal("somebody joined")
		}
		_, cookies := click{"accept", token, "bob", url.Values{}, 200, "You have joined Acme"}.do(t, pages)
		if len(cookies) != 0 || h.roles(t, o.ID)[bob.UserID] != tenancy.RoleMember {
			t.Errorf("cookies %v, roles %v", cookies, h.roles(t, o.ID))
		}
		click{"again", token, "bob", url.Values{}, 404, noInvite}.do(t, pages)
		_, token = h.invite(t, ann, o.ID, "carol", tenancy.RoleMember)
		carol := h.join(t, ann.UserID, o.ID, "carol", tenancy.RoleGuest)
		pages = newPages(t, h, badges{"carol": as(carol, "carol")})
		click{"a member meanwhile", token, "carol", url.Values{}, 409, "You are a member already"}.do(t, pages)
	})
}

// Where nobody has sessions, accounts are made all the same.
func TestInvitePageWithoutSessions(t *testing.T) {
	t.Parallel()
	h := newHost(t, platformtest.SQLite(t, lines()...), func(p *tenancy.Parts) { p.Issuer = authn.NoSessions{} })
	ann := h.enter(t, "ann")
	o := h.found(t, ann.UserID, "Acme")
	_, token := h.invite(t, ann, o.ID, "new", tenancy.RoleGuest)
	_, cookies := click{"join", token, "", newcomer("", password, password), 200, "Sign in to it with the password that you chose."}.do(t, newPages(t, h, badges{}))
	if len(cookies) != 0 {
		t.Errorf("the cookies are %v", cookies)
	}
}

var assetName = regexp.MustCompile(`/assets/[0-9a-f]{24}`)

// stable takes out of a page what differs from run to run.
func stable(body, token string) string {
	return assetName.ReplaceAllString(strings.ReplaceAll(body, token, "<token>"), "/assets/<hash>")
}
