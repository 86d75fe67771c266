package identity_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/platformtest"
)

// Every mail of an account's life, whole.
func TestLetters(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	b.Clock.Set(time.Date(2031, time.January, 1, 12, 0, 0, 0, time.UTC))
	h := newHouse(t, b)
	ctx := authn.WithClient(t.Context(), &authn.Client{Address: netip.MustParseAddr("203.0.113.7")})
	_, p := h.register(t, ann, goodPass)
	steps := []func() error{
		func() error { return nil },
		func() error { return h.RequestReset(ctx, ann, client()) },
		func() error { return h.ResetPassword(ctx, reset(h.forgot(t, ann), anotherPass)) },
		func() error { return h.ChangePassword(ctx, p, change(anotherPass, goodPass)) },
		func() error {
			_, _, err := run(t, h, anotherPass, "users", "set-password", ann, "--password-stdin")
			return err
		},
		func() error { return h.RequestEmailChange(ctx, p, emailChange("bob@example.com", anotherPass)) },
	}
	var all strings.Builder
	show := func(mails []platformtest.Mail) (token string) {
		slices.SortFunc(mails, func(a, b platformtest.Mail) int { return strings.Compare(a.Purpose, b.Purpose) })
		for _, m := range mails {
			text := m.Text
			if found := tokenForm.FindStringSubmatch(text); found != nil {
				token, text = found[1], strings.ReplaceAll(text, found[1], "<token>")
			}
			fmt.Fprintf(&all, "## %s to %s\nSubject: %s\n\n%s\n", m.Purpose, m.To, m.Subject, strings.TrimSpace(text))
			if !strings.Contains(m.HTML, "Acme ID") || strings.Contains(m.HTML, "<table") {
				t.Errorf("%s: the HTML is\n%s", m.Purpose, m.HTML)
			}
		}
		return token
	}
	var token string
	for i, step := range steps {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
		token = show(h.mails(t))
	}
	if _, err := h.VerifyEmail(ctx, token); err != nil {
		t.Fatal(err)
	}
	show(h.mails(t))
	platformtest.Golden(t, "testdata/letters.golden", []byte(all.String()))
}
