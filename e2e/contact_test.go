package e2e_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

const (
	enquiryPurpose         = "contact.enquiry"
	acknowledgementPurpose = "contact.acknowledgement"
)

// contact is a request of the contact form that claims to come from an address.
func contact(forwarded string, changes map[string]any) harness.Call {
	return harness.Call{Path: contactPath, Body: enquiry(changes), Header: map[string]string{
		"X-Forwarded-For": forwarded, "X-Real-Ip": forwarded, "Forwarded": "for=" + forwarded,
	}}
}

// Twenty enquiries at one instant, over every process and each with another forged
// address: five pass. Then nobody passes who is not elsewhere, not even after restarts.
func TestContactLimit(t *testing.T) {
	t.Parallel()
	options := harness.Options{Env: map[string]string{"RATELIMIT_ENABLED": "true"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		begin := time.Now()
		passed := 0
		for _, a := range together(t, 20, func(i int) (*harness.Answer, error) {
			return sys.Servers[i%len(sys.Servers)].Try(t.Context(), contact(fmt.Sprintf("203.0.113.%d", i), nil))
		}) {
			switch a.Status {
			case http.StatusCreated:
				passed++
			case http.StatusTooManyRequests:
			default:
				t.Errorf("status %d: %s", a.Status, a.Body)
			}
		}
		if passed != 5 {
			t.Errorf("%d of 20 passed, want 5", passed)
		}
		refused := func(forwarded string) {
			t.Helper()
			for _, s := range sys.Servers {
				a := s.Do(t, contact(forwarded, nil)).WantError(t, http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED")
				wait, err := strconv.Atoi(a.Header.Get("Retry-After"))
				if left := time.Hour - time.Since(begin); err != nil || (time.Duration(wait)*time.Second-left).Abs() > 3*time.Second {
					t.Errorf("Retry-After is %q, the hour ends in %s", a.Header.Get("Retry-After"), left)
				}
				resets, err := strconv.ParseInt(a.Header.Get("X-Ratelimit-Reset"), 10, 64)
				if until := time.Until(time.Unix(resets, 0)); err != nil || (until-time.Duration(wait)*time.Second).Abs() > 3*time.Second {
					t.Errorf("Retry-After is %d, X-RateLimit-Reset %q", wait, a.Header.Get("X-Ratelimit-Reset"))
				}
				if a.Header.Get("X-Ratelimit-Limit") != "5" || a.Header.Get("X-Ratelimit-Remaining") != "0" {
					t.Errorf("limit %q, remaining %q", a.Header.Get("X-Ratelimit-Limit"), a.Header.Get("X-Ratelimit-Remaining"))
				}
			}
		}
		refused("203.0.113.77")
		refused("::1")
		if got := sys.One(t, `SELECT count(*) FROM contact_enquiries`); got != "5" {
			t.Errorf("%s enquiries are stored", got)
		}
		harness.Eventually(t, 15*time.Second, "five mails", func() bool { return len(sys.Mails(t, enquiryPurpose, "info@secuird.tech")) == 5 })
		if sys.Kind == harness.Embedded {
			return // what a process counts for itself ends with it
		}
		sys.First().Terminate(t)
		sys.First().Start(t)
		refused("203.0.113.78")
		sys.First().Kill()
		sys.First().Start(t)
		refused("203.0.113.79")
	})
}

// Behind a proxy that is trusted, each client has five an hour.
func TestContactLimitBehindAProxy(t *testing.T) {
	t.Parallel()
	sys := harness.Start(t, harness.Pair, harness.Options{Env: map[string]string{"RATELIMIT_ENABLED": "true", "TRUSTED_PROXIES": "127.0.0.0/8"}})
	for i := range 12 {
		want := http.StatusCreated
		if i >= 10 {
			want = http.StatusTooManyRequests
		}
		// What the client itself puts in front changes nothing.
		from := fmt.Sprintf("192.0.2.%d, 198.51.100.%d", i, i%2)
		sys.Servers[i/2%2].Do(t, contact(from, nil)).Want(t, want)
	}
}

// An enquiry is stored and mailed once, however often it is repeated under its key; one of a
// program that fills in everything is answered like any other, and is nowhere.
func TestContactEnquiry(t *testing.T) {
	t.Parallel()
	options := harness.Options{Env: map[string]string{"CONTACT_RECIPIENT": recipient, "CONTACT_ACKNOWLEDGE": "true"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		first, last := sys.First(), sys.Last()
		c := contact("", map[string]any{"name": "=HYPERLINK(\"http://x.example\")", "company": "Acme <b>& Co.</b>", "email": "Carol@Enquirer.EXAMPLE"})
		c.Header = map[string]string{"Idempotency-Key": harness.Unique("enquiry-")}
		a := first.Do(t, c).Want(t, http.StatusCreated)
		id := a.Text("data", "enquiry", "id")
		if again := last.Do(t, c).Want(t, http.StatusCreated); again.Text("data", "enquiry", "id") != id || again.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("the repeated enquiry is answered %s", again.Body)
		}
		if !uuidV7.MatchString(id) || a.Text("data", "enquiry", "enquiry_type") != "sales_enquiry" || time.Since(a.Time(t, "data", "enquiry", "created_at")).Abs() > time.Minute {
			t.Errorf("the enquiry is answered %s", a.Body)
		}
		m := sys.AwaitMail(t, enquiryPurpose, recipient, 1)
		if m.ReplyTo != "carol@enquirer.example" || !strings.Contains(m.HTML, "Acme &lt;b&gt;&amp; Co.&lt;/b&gt;") {
			t.Errorf("the mail is to be answered to %q:\n%s", m.ReplyTo, m.HTML)
		}
		sys.AwaitMail(t, acknowledgementPurpose, "carol@enquirer.example", 1)

		trap := contact("", map[string]any{"website": "http://spam.example\nand more"})
		b := last.Do(t, trap).Want(t, http.StatusCreated)
		if got, want := membersOf(b), membersOf(a); !slices.Equal(got, want) || !uuidV7.MatchString(b.Text("data", "enquiry", "id")) || b.Header.Get("Location") != a.Header.Get("Location") {
			t.Errorf("the trap shows: %s, as against %s", b.Body, a.Body)
		}
		for _, empty := range []any{"", nil} { // a form sends it all the same
			last.Do(t, contact("", map[string]any{"website": empty, "email": "other@enquirer.example"})).Want(t, http.StatusCreated)
		}
		for name, changes := range map[string]map[string]any{
			"short message": {"message": "too short"}, "long message": {"message": strings.Repeat("m", 10_001)}, "long name": {"name": strings.Repeat("n", 256)},
			"long phone": {"phone": strings.Repeat("1", 33)}, "long company": {"company": strings.Repeat("c", 256)}, "another type": {"enquiry_type": "complaint"},
			"no address": {"email": "carol"}, "another member": {"recipient": "victim@example.com"}, "no name": {"name": nil}, "blank name": {"name": "  "},
		} {
			if a := first.Do(t, harness.Call{Path: contactPath, Body: enquiry(changes)}); a.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", name, a.Status, a.Body)
			}
		}
		first.Do(t, harness.Call{Path: contactPath, Body: enquiry(map[string]any{"message": strings.Repeat("ü", 10_000), "name": strings.Repeat("ü", 255)})}).Want(t, http.StatusCreated)
		harness.Eventually(t, 15*time.Second, "four mails", func() bool { return len(sys.Mails(t, enquiryPurpose, recipient)) == 4 })
		post{sys: sys}.settle(t, 0, 15*time.Second)
		if got := len(sys.Mails(t, enquiryPurpose, recipient)); got != 4 {
			t.Errorf("%d mails of 4 enquiries", got)
		}
		if got := sys.One(t, `SELECT count(*) FROM contact_enquiries`); got != "4" {
			t.Errorf("%s enquiries are stored, want 4", got)
		}
		for _, table := range []string{"platform_mails", "audit_entries", "contact_enquiries"} {
			if dump := fmt.Sprint(sys.Query(t, "SELECT * FROM "+table)); strings.Contains(dump, "spam.example") || strings.Contains(dump, b.Text("data", "enquiry", "id")) {
				t.Errorf("%s has what the trap caught", table)
			}
		}
		operatorsSee(t, sys, id)
	})
}

// membersOf are the names of an answer's enquiry.
func membersOf(a *harness.Answer) []string {
	object, _ := a.Value("data", "enquiry").(map[string]any)
	return slices.Sorted(maps.Keys(object))
}

// operatorsSee reads the enquiries of TestContactEnquiry on the command line.
func operatorsSee(t *testing.T, sys *harness.System, id string) {
	t.Helper()
	run := func(args ...string) string {
		t.Helper()
		out, code := sys.CLI(t, map[string]string{"LOG_LEVEL": "error"}, append([]string{"contact"}, args...)...)
		if code != 0 {
			t.Fatalf("authy2 contact %v: exit code %d\n%s", args, code, out)
		}
		return out
	}
	if list := run("list"); strings.Count(list, "\n") != 4 || !strings.Contains(list, id) {
		t.Errorf("authy2 contact list:\n%s", list)
	}
	if list := run("list", "--type", "support"); strings.TrimSpace(list) != "" {
		t.Errorf("authy2 contact list --type support:\n%s", list)
	}
	if shown := run("show", id); !strings.Contains(shown, "And for 400?") {
		t.Errorf("authy2 contact show:\n%s", shown)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(run("export"), "\ufeff"))).ReadAll()
	if err != nil || len(rows) != 5 {
		t.Fatalf("authy2 contact export: %d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@") {
				t.Errorf("a spreadsheet would calculate %q", cell)
			}
		}
	}
	seen := 0
	for line := range strings.Lines(run("export", "--format", "jsonl")) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Errorf("%v: %s", err, line)
		}
		if e["id"] == id && e["name"] == "=HYPERLINK(\"http://x.example\")" && e["email"] == "carol@enquirer.example" && strings.HasSuffix(textOf(e, "message"), "?\nAnd for 400?") {
			seen++
		}
	}
	if seen != 1 {
		t.Errorf("the enquiry is %d times in the export", seen)
	}
	if got := sys.One(t, `SELECT count(*) FROM audit_entries WHERE action = 'contact.export'`); got != "2" {
		t.Errorf("%s of 2 exports are in the trail", got)
	}
}

// Without the module there is no trace of it.
func TestWithoutContact(t *testing.T) {
	t.Parallel()
	options := harness.Options{Kinds: []harness.Kind{harness.Embedded, harness.Single}, Env: map[string]string{"MODULES": "identity,sessions,tenancy,audit", "METRICS_TOKEN": "scrape-me-please-0123456789"}}
	harness.Each(t, options, func(t *testing.T, sys *harness.System) {
		s := sys.First()
		s.Do(t, harness.Call{Path: contactPath, Body: enquiry(nil)}).WantError(t, http.StatusNotFound, "NOT_FOUND")
		for what, text := range map[string]string{
			"the document": string(s.Do(t, harness.Call{Path: "/api/openapi.json"}).Body),
			"the metrics":  string(s.Do(t, harness.Call{Path: "/metrics", Token: "scrape-me-please-0123456789"}).Body),
			"the tables":   strings.Join(sys.Tables(t), " "),
			"the log":      s.Log.String(),
		} {
			for _, trace := range []string{"enquir", "/contact", "contact_", "contact."} { // the document names a contact of its own
				if at := strings.Index(strings.ToLower(text), trace); at >= 0 {
					t.Errorf("%s has a trace of the module: …%s…", what, text[max(0, at-80):min(len(text), at+80)])
				}
			}
		}
		for _, args := range [][]string{{"jobs", "list"}, {"--help"}, {"db", "status"}} {
			if out, code := sys.CLI(t, nil, args...); code != 0 || strings.Contains(strings.ToLower(out), "contact") {
				t.Errorf("authy2 %s, exit code %d, has a trace of the module:\n%s", strings.Join(args, " "), code, out)
			}
		}
		if out, code := sys.CLI(t, nil, "contact", "list"); code == 0 {
			t.Errorf("authy2 contact list: exit code 0\n%s", out)
		}
	})
}
