package compliance_test

import (
	"context"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity/compliance"
	"github.com/authy2/backend/platform/platformtest"
)

// TestTwoJobsRemindOnce: reminders begin with the days of the policy, are sent once in a day
// whoever runs the job, and go to nobody who misses nothing or whose account is closed.
func TestTwoJobsRemindOnce(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		runners := []*compliance.Service{h.Service, h.another()}
		run := func() []string {
			for _, err := range together(8, func(i int) error {
				return patiently(func() error { _, err := runners[i%2].Enforce(t.Context()); return err })
			}) {
				must(t, err)
			}
			return h.heard.take()
		}
		club, owner := h.club(t)
		members := h.users(t, 3)
		bob, closed, done := members[0], members[1], members[2]
		h.enter(t, club, "member", members...)
		h.change(t, func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewRaw("UPDATE identity_users SET status = 'inactive' WHERE id = ?", closed).Exec(ctx)
			return err
		})
		must(t, h.totp(t.Context(), owner, true))
		must(t, h.totp(t.Context(), done, true))
		h.ask(t, owner, club, compliance.ModeTOTP, 14)
		if mails := run(); len(mails) != 0 {
			t.Errorf("two weeks before: %v", mails)
		}
		h.Clock.Advance(7*dayLong - time.Second)
		if mails := run(); len(mails) != 0 {
			t.Errorf("seven days and a second before: %v", mails)
		}
		h.Clock.Advance(time.Second)
		for day := range 7 {
			if mails := run(); len(mails) != 1 || mails[0] != "identity.mfa_policy_reminder "+bob+"@example.com" {
				t.Errorf("on day %d: %v", day, mails)
			}
			h.Clock.Advance(12 * time.Hour)
			if mails := run(); len(mails) != 0 {
				t.Errorf("twelve hours later: %v", mails)
			}
			h.Clock.Advance(12 * time.Hour)
		}
		if mails := run(); len(mails) != 1 || mails[0] != "identity.mfa_policy_suspended "+bob+"@example.com" {
			t.Errorf("at the deadline: %v", mails)
		}
		if n := h.heard.count(compliance.ActionReminder, bob); n != 7 {
			t.Errorf("%d reminders are in the trail", n)
		}
		list, err := h.List(t.Context(), owner, club, compliance.Filter{Status: compliance.StatusSuspended})
		if err != nil || len(list) != 2 || list[0].UserID != closed || list[1].UserID != bob || list[1].NotificationCount != 7 || list[1].SuspendedAt == nil {
			t.Errorf("suspended are %+v, %v", list, err)
		}
		if h.account(t, closed).Status != "inactive" {
			t.Error("an inactive account was made something else")
		}
	})
}

// TestRemind: administrators remind, once an hour, those who miss something.
func TestRemind(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		club, owner := h.club(t)
		members := h.users(t, 2)
		bob, stranger := members[0], members[1]
		h.enter(t, club, "member", bob)
		remind := func(actor, userID string) string { return code(h.Remind(t.Context(), actor, club, userID)) }
		if c := remind(owner, bob); c != "CONFLICT" {
			t.Errorf("without a policy: %s", c)
		}
		h.ask(t, owner, club, compliance.ModeTOTP, 14)
		for name, c := range map[string]struct{ actor, user, want string }{
			"a member":           {bob, bob, "AUTHORIZATION_ERROR"},
			"a stranger":         {stranger, bob, "NOT_FOUND"},
			"of a stranger":      {owner, stranger, "NOT_FOUND"},
			"of nobody":          {owner, "00000000-0000-7000-8000-000000000000", "NOT_FOUND"},
			"of something else":  {owner, "bob", "NOT_FOUND"},
			"of somebody (once)": {owner, bob, ""},
		} {
			if got := remind(c.actor, c.user); got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
		if c := remind(owner, bob); c != "CONFLICT" {
			t.Errorf("at once again: %q", c)
		}
		h.Clock.Advance(time.Hour)
		var sent int
		for _, err := range together(16, func(int) error {
			return patiently(func() error { return h.Remind(t.Context(), owner, club, bob) })
		}) {
			switch code(err) {
			case "":
				sent++
			case "CONFLICT":
			default:
				t.Error(err)
			}
		}
		if mails := h.heard.take(); sent != 1 || len(mails) != 2 {
			t.Errorf("%d of sixteen were sent, %v", sent, mails)
		}
		must(t, h.totp(t.Context(), bob, true))
		h.Clock.Advance(time.Hour)
		if c := remind(owner, bob); c != "CONFLICT" {
			t.Errorf("of somebody who misses nothing: %q", c)
		}
	})
}
