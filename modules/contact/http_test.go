package contact_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/authy2/backend/platform/platformtest"
)

// body is the body of an enquiry that is right, with members changed: name, value, ….
func body(t testing.TB, changes ...any) string {
	t.Helper()
	members := map[string]any{
		"enquiry_type": "demo_request", "name": "Carol Developer", "email": "carol@example.com", "message": "Could you show us yours?",
	}
	for i := 0; i+1 < len(changes); i += 2 {
		members[changes[i].(string)] = changes[i+1]
	}
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The answers, whole.
func TestAnswers(t *testing.T) {
	t.Parallel()
	long := func(n int) string { return strings.Repeat("é", n) }
	steps := []struct{ name, body string }{
		{"least", body(t)},
		{"all", body(t, "enquiry_type", "support", "company", "Acme", "phone", "+49 30 1234-5", "website", "")},
		{"sales", body(t, "enquiry_type", "sales_enquiry", "company", nil, "phone", nil, "website", nil)},
		{"general", body(t, "enquiry_type", "general", "company", " ", "phone", "")},
		{"longest", body(t, "name", long(255), "company", long(255), "phone", long(32), "message", long(10_000))},
		{"shortest", body(t, "name", "x", "message", "ten\tchars\n")},
		{"nothing", `{}`},
		{"everything too long", body(t, "name", long(256), "company", long(256), "phone", long(33), "message", long(10_001), "email", long(250)+"@example.com")},
		{"everything too short", body(t, "name", "", "message", "too short", "email", "", "enquiry_type", "")},
		{"blank", body(t, "name", "   ", "message", strings.Repeat(" \n", 10))},
		{"wrong types", body(t, "name", 1, "message", true, "email", []string{}, "enquiry_type", 0, "company", map[string]any{}, "phone", 49, "website", 5)},
		{"null", body(t, "name", nil, "message", nil, "email", nil, "enquiry_type", nil)},
		{"another type", body(t, "enquiry_type", "DEMO_REQUEST", "role", "admin")},
		{"an array", `[]`},
		{"no JSON", `{"name":`},
	}
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		var all strings.Builder
		for _, step := range steps {
			status, got, header := s.post(t.Context(), t, step.body)
			fmt.Fprintf(&all, "## %s\n%d\n%s\n", step.name, status, strings.TrimSpace(got))
			if header.Get("Location") != "" {
				t.Errorf("%s: there is a Location", step.name)
			}
		}
		platformtest.Golden(t, "testdata/answers.golden", []byte(all.String()))
		if n := s.rows(t, "contact_enquiries"); n != 6 {
			t.Errorf("%d enquiries are stored, want 6", n)
		}
	})
}

// What could end a line of a header, or reorder what is read, is refused in every field of
// one line, by its name.
func TestOneLineIsOneLine(t *testing.T) {
	t.Parallel()
	s := newSite(t, platformtest.SQLite(t, lines()...))
	for _, bad := range []string{
		"\r", "\n", "\r\n", "\r\nBcc: eve@example.com", "\nBcc: eve@example.com\n", "\u2028", "\u2029", "\u2028Bcc: eve@example.com", "\x00",
		"\u0085", "\v", "\f", "\t", "\x1b[2J", "\x7f", "\u009b", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069",
	} {
		for field, value := range map[string]string{
			"name": "Carol" + bad + "Developer", "email": "carol" + bad + "@example.com", "company": bad + "Acme", "phone": "1" + bad,
			"enquiry_type": "general" + bad,
		} {
			status, got, _ := s.post(t.Context(), t, body(t, field, value))
			var answer struct {
				Error struct{ Details map[string][]string }
			}
			if err := json.Unmarshal([]byte(got), &answer); err != nil {
				t.Fatal(err)
			}
			if status != http.StatusBadRequest || len(answer.Error.Details) != 1 || len(answer.Error.Details[field]) == 0 {
				t.Errorf("%s with %q: %d %s", field, bad, status, got)
			}
		}
		if strings.Trim(bad, "\r\n\t") == "" || strings.Contains(bad, "Bcc") && strings.Trim(bad, "\r\n") == "Bcc: eve@example.com" {
			continue
		}
		if status, got, _ := s.post(t.Context(), t, body(t, "message", "Something"+bad+"unseen")); status != http.StatusBadRequest || !strings.Contains(got, `"message":[`) {
			t.Errorf("message with %q: %d %s", bad, status, got)
		}
	}
	for _, bad := range []string{"carol@example.com, eve@example.com", "Carol <carol@example.com>", "carol@example.com Bcc: eve@example.com", `"a b"@example.com`, "carol@[127.0.0.1]", "carol@example.com>"} {
		if status, got, _ := s.post(t.Context(), t, body(t, "email", bad)); status != http.StatusBadRequest || !strings.Contains(got, `"email":[`) {
			t.Errorf("email %q: %d %s", bad, status, got)
		}
	}
	s.empty(t, "after refusals")
}

// An enquiry with a website is answered like any other, and is nowhere.
func TestHoneypot(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		for _, website := range []string{"https://spam.example", " ", "x", "two\nlines", strings.Repeat("long", 10_000)} {
			status, got, header := s.post(t.Context(), t, body(t, "website", website))
			s.empty(t, "after a trap")
			honest, want, wantHeader := s.post(t.Context(), t, body(t))
			if status != http.StatusCreated || honest != status {
				t.Errorf("%.20q: %d, want %d", website, status, honest)
			}
			if unnamed(got) != unnamed(want) || fmt.Sprint(header) != fmt.Sprint(wantHeader) {
				t.Errorf("%.20q is answered %s with %v\nwant %s with %v", website, got, header, want, wantHeader)
			}
			if _, err := s.DB.Writer().ExecContext(t.Context(), "DELETE FROM contact_enquiries"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.DB.Writer().ExecContext(t.Context(), "DELETE FROM platform_mails"); err != nil {
				t.Fatal(err)
			}
			s.facts.take(t)
		}
	})
}

// unnamed returns the answer without the number that ends the id.
func unnamed(answer string) string {
	before, after, _ := strings.Cut(answer, `7000-8000-`)
	return before + after[min(12, len(after)):]
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		for name, request := range map[string]string{"honest": body(t), "trapped": body(t, "website", "x")} {
			status, first, _ := s.post(t.Context(), t, request, "Idempotency-Key", name)
			again, second, header := s.post(t.Context(), t, request, "Idempotency-Key", name)
			if status != http.StatusCreated || again != status || first != second || header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("%s: %d %s, then %d %s", name, status, first, again, second)
			}
			if status, got, _ := s.post(t.Context(), t, body(t, "name", "Eve"), "Idempotency-Key", name); status != http.StatusConflict {
				t.Errorf("%s with another body: %d %s", name, status, got)
			}
		}
		if s.rows(t, "contact_enquiries") != 1 || s.rows(t, "platform_mails") != 1 || len(s.facts.take(t)) != 1 {
			t.Error("an enquiry that was repeated is there more than once")
		}
	})
}
