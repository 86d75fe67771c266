package compliance_test

import (
	"context"
	"strings"
	"testing"
	"unicode"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

// outbox takes notices as mails, and fails where none could be sent.
type outbox struct {
	t    testing.TB
	last compliance.Notice
}

func (o *outbox) Tell(_ context.Context, _ bun.Tx, email string, n compliance.Notice) error {
	o.last = n
	m := mail.Message{Purpose: n.Purpose, To: email, Subject: n.Subject, Text: strings.Join(n.Lines, "\n")}
	if err := m.Check(); err != nil {
		o.t.Errorf("a notice that nobody gets: %v", err)
	}
	return nil
}

// A reminder goes out whatever the organization calls itself: one that does not would be
// recorded as sent all the same.
func TestReminderOfAnyName(t *testing.T) {
	t.Parallel()
	b := platformtest.SQLite(t, lines()...)
	h := newHouse(t, b)
	box := &outbox{t: t}
	service := compliance.NewService(compliance.Parts{
		DB: h.DB, Clock: h.Clock, Bus: h.Bus, Jobs: h.Backend.Jobs, Authorizer: clubs{h.DB}, Members: clubs{h.DB}, People: h.accounts,
		Users: h.accounts, Factors: h.accounts, Notices: box, Log: h.Log,
	})
	for name, called := range map[string]string{
		"long": strings.Repeat("\U0001d538", 255), "of two lines": "Acme\r\nBcc: all@example.com", "separated": "Acme\u2028Co", "controlled": "Acme\x1b[2J",
	} {
		club, owner := h.club(t)
		h.change(t, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("UPDATE clubs SET name = ? WHERE id = ?", called, club).Exec(ctx)
			return err
		})
		h.ask(t, owner, club, compliance.ModeTOTP, 14)
		must(t, service.Remind(t.Context(), owner, club, owner))
		if s := box.last.Subject; strings.ContainsFunc(s, unicode.IsControl) || !strings.HasPrefix(s, "Set up a second factor for ") || len([]rune(s)) > 130 {
			t.Errorf("%s: the subject is %q", name, s)
		}
	}
}
