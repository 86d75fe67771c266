package identity_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/platformtest"
)

// The answers of verification and recovery, whole.
func TestMailAnswers(t *testing.T) {
	t.Parallel()
	const auth, me = "/api/v1/auth/", "/api/v1/users/me"
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		register := func(email string) {
			status, _, _ := s.call(t, "POST", auth+"register", `{"email":"`+email+`","password":"`+goodPass+`","password_confirm":"`+goodPass+`"}`)
			if status != http.StatusCreated {
				t.Fatalf("register %s: %d", email, status)
			}
		}
		register(ann)
		register("taken@example.com")
		verification := tokenIn(t, s.mails(t), identity.PurposeVerify, ann)
		var all strings.Builder
		step := func(name, path, body string) {
			status, answer, header := s.call(t, "POST", path, body, "Authorization", "Bearer "+firstToken)
			fmt.Fprintf(&all, "## %s\n%d\n", name, status)
			for _, name := range []string{"Set-Cookie", "Location", "Www-Authenticate"} {
				if v := header.Get(name); v != "" {
					fmt.Fprintf(&all, "%s: %s\n", name, v)
				}
			}
			fmt.Fprintf(&all, "%s\n", strings.TrimSpace(answer))
			if strings.Contains(answer, verification) || strings.Contains(answer, goodPass) {
				t.Errorf("%s: the answer shows a secret", name)
			}
		}
		passwords := func(token, password, confirm string) string {
			return `{"token":"` + token + `","password":"` + password + `","password_confirm":"` + confirm + `"}`
		}
		unknown := strings.Repeat("x", 43)
		step("resend", auth+"resend-verification", `{"email":"nobody@example.com"}`)
		step("resend badly", auth+"resend-verification", `{"email":"nobody","name":1}`)
		step("verify malformed", auth+"verify-email", `{"token":"x"}`)
		step("verify nothing", auth+"verify-email", `{}`)
		step("verify unknown", auth+"verify-email", `{"token":"`+unknown+`"}`)
		step("verify", auth+"verify-email", `{"token":"`+verification+`"}`)
		step("verify again", auth+"verify-email", `{"token":"`+verification+`"}`)
		step("forgot", auth+"forgot-password", `{"email":"Ann@Example.com"}`)
		step("forgot nobody", auth+"forgot-password", `{"email":"nobody@example.com"}`)
		step("forgot badly", auth+"forgot-password", `{"email":"ann@x"}`)
		recovery := tokenIn(t, s.mails(t), identity.PurposeReset, ann)
		step("reset wrong in every way", auth+"reset-password", passwords("x", "password1", "password2"))
		step("reset unknown", auth+"reset-password", passwords(unknown, anotherPass, anotherPass))
		step("change without password", me+"/email", `{"email":"bob@example.com"}`)
		step("change wrong", me+"/email", `{"email":"bob@example.com","current_password":"wrong"}`)
		step("change to a taken address", me+"/email", `{"email":"Taken@example.com","current_password":"`+goodPass+`"}`)
		step("change to the same", me+"/email", `{"email":"ann@example.com","current_password":"`+goodPass+`"}`)
		step("change", me+"/email", `{"email":"Bob@Example.com","current_password":"`+goodPass+`"}`)
		moved := tokenIn(t, s.mails(t), identity.PurposeChange, "bob@example.com")
		step("verify change", auth+"verify-email", `{"token":"`+moved+`"}`)
		step("reset with what went to the old address", auth+"reset-password", passwords(recovery, anotherPass, anotherPass))
		recovery = s.forgot(t, "bob@example.com")
		step("reset", auth+"reset-password", passwords(recovery, anotherPass, anotherPass))
		step("reset again", auth+"reset-password", passwords(recovery, anotherPass, anotherPass))
		step("change after the reset", me+"/email", `{"email":"c@example.com","current_password":"`+anotherPass+`"}`)
		s.Clock.Advance(time.Hour)
		platformtest.Golden(t, "testdata/mail_answers.golden", []byte(all.String()))
	})
}

// Known, unknown, verified and suspended addresses are answered with the same bytes after the
// same work, which is one statement. The time that this takes is measured by the journeys,
// where nothing else runs.
func TestRequestsDoTheSameWork(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		s := newSite(t, b)
		emails := []string{ann, "nobody@example.com", "verified@example.com", "suspended@example.com"}
		for _, email := range []string{emails[0], emails[2], emails[3]} {
			s.register(t, email, goodPass)
		}
		admin := identity.NewAdmin(s.Service)
		if _, err := admin.VerifyEmail(t.Context(), emails[2]); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.SetStatus(t.Context(), emails[3], identity.StatusSuspended); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/api/v1/auth/forgot-password", "/api/v1/auth/resend-verification"} {
			var answer string
			for round := range 10 { // beyond what one address is sent in an hour
				for k := range emails {
					email := emails[(k+round)%len(emails)]
					before := s.Statements()
					status, body, header := s.call(t, "POST", path, `{"email":"`+email+`"}`)
					if n := s.Statements() - before; n != 1 {
						t.Errorf("%s of %s takes %d statements, want 1 like every other", path, email, n)
					}
					if got := fmt.Sprint(status, body, header); answer == "" {
						answer = got
					} else if got != answer || status != http.StatusOK {
						t.Fatalf("%s of %s:\n%s\nbut before:\n%s", path, email, got, answer)
					}
				}
			}
		}
	})
}
