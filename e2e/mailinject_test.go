package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/e2e/harness"
)

// intrusions are what somebody writes who wants a header, or a mail, of their own.
var intrusions = map[string]string{
	"CR LF":                 "x\r\nBcc: evil@intruder.example",
	"LF":                    "x\nBcc: evil@intruder.example",
	"CR":                    "x\rBcc: evil@intruder.example",
	"line separator":        "x\u2028Bcc: evil@intruder.example",
	"paragraph separator":   "x\u2029Bcc: evil@intruder.example",
	"next line":             "x\u0085Bcc: evil@intruder.example",
	"vertical tab":          "x\vBcc: evil@intruder.example",
	"NUL":                   "x\x00Bcc: evil@intruder.example",
	"a name of a header":    "Bcc: evil@intruder.example",
	"percent-encoded":       "x%0d%0aBcc:%20evil@intruder.example",
	"an encoded word":       "=?utf-8?q?x=0D=0ABcc:_evil=40intruder.example?=",
	"an end of the mail":    "x\r\n.\r\nMAIL FROM:<evil@intruder.example>\r\nRCPT TO:<evil@intruder.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n",
	"an end in bare LF":     "x\n.\nMAIL FROM:<evil@intruder.example>\nRCPT TO:<evil@intruder.example>\nDATA\nSubject: smuggled\n\nx\n.\n",
	"a comment":             "x (evil@intruder.example)",
	"two addresses":         "x@example.com, evil@intruder.example",
	"two addresses, folded": "x@example.com,\r\n evil@intruder.example",
	"angle brackets":        "x@example.com> Bcc: <evil@intruder.example",
	"a quoted local part":   "\"x\r\nBcc: evil@intruder.example\"@example.com",
}

// What people write never becomes a header, or a mail: it is refused, or it stands where
// it belongs.
func TestNoHeaderIsInjected(t *testing.T) {
	t.Parallel()
	for _, kind := range []harness.Kind{harness.Embedded, harness.Single} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			sys, post := mailed(t, kind, map[string]string{"CONTACT_ACKNOWLEDGE": "true"})
			s := sys.First()
			u := s.Register(t)
			o := s.Found(t, u.Token)
			accepted := 0
			for name, text := range intrusions {
				address := text
				if !strings.Contains(text, "example.com") {
					address = strings.Replace(text, "x", "x@example.com", 1)
				}
				registration := func(field, value string) harness.Call {
					body := sys.NewUser().Registration()
					body[field] = value
					return harness.Call{Path: registerPath, Body: body}
				}
				contact := func(field, value string) harness.Call {
					return harness.Call{Path: contactPath, Body: enquiry(map[string]any{field: value})}
				}
				for field, c := range map[string]harness.Call{
					"contact: name":         contact("name", text),
					"contact: email":        contact("email", address),
					"contact: company":      contact("company", text),
					"contact: phone":        contact("phone", text),
					"contact: enquiry_type": contact("enquiry_type", text),
					"contact: message":      contact("message", "Dear all, "+text),
					"register: email":       registration("email", address),
					"register: full_name":   registration("full_name", text),
					"forgot: email":         forgot(address),
					"resend: email":         resend(address),
					"change: email":         changeEmail(u, address),
					"invite: email":         harness.Invite(u.Token, o, address, "guest"),
					"organization: name":    harness.Rename(u.Token, o, text),
				} {
					a := s.Do(t, c)
					switch {
					case a.Status == http.StatusBadRequest:
					case a.Status < 300:
						accepted++
						if strings.HasSuffix(field, "email") && field != "forgot: email" && field != "resend: email" {
							t.Errorf("%s with %s is taken for an address: %d %s", field, name, a.Status, a.Body)
						}
						if field == "organization: name" { // it stands in the next mail
							s.Do(t, harness.Invite(u.Token, o, sys.NewUser().Email, "guest")).Want(t, http.StatusCreated)
						}
					default:
						t.Errorf("%s with %s: %d %s", field, name, a.Status, a.Body)
					}
				}
			}
			if accepted == 0 {
				t.Error("not even what is harmless is taken")
			}
			post.settle(t, 0, 40*time.Second)
			known := []string{recipient, "carol@enquirer.example"}
			messages := 0
			for _, d := range post.server.Deliveries() {
				m := sys.Received(t, d.Raw)
				wellFormed(t, m, d)
				if !slices.Contains(known, m.To) && !strings.HasPrefix(m.To, "user-") {
					t.Errorf("a mail to %q:\n%s", m.To, d.Raw)
				}
				for _, line := range m.HeaderLines() {
					if field, _, _ := strings.Cut(line, ":"); strings.EqualFold(field, "bcc") || strings.EqualFold(field, "cc") {
						t.Errorf("a header was injected:\n%s", d.Raw)
					}
				}
				if m.To == recipient && strings.Contains(m.Text, "Dear all, ") {
					messages++
					if m.ReplyTo != "carol@enquirer.example" {
						t.Errorf("Reply-To is %q", m.ReplyTo)
					}
				}
			}
			if messages < 8 {
				t.Errorf("%d enquiries with line breaks in the message arrived", messages)
			}
		})
	}
}
