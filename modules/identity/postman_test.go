package identity_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

// Whatever the mails that one address is sent are limited to, nobody is told.
func TestMailsAreLimited(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.limited = true })
		h.register(t, ann, goodPass)
		h.mails(t)
		for _, email := range []string{ann, "Ann@Example.com", ann, ann, "ANN@example.com"} {
			if err := h.RequestReset(t.Context(), email, client()); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(h.mails(t)); n != 3 {
			t.Errorf("five requests send %d mails", n)
		}
		if n := h.facts.count(identity.ActionPasswordResetRequest, true); n != 3 {
			t.Errorf("%d facts", n)
		}
		if err := h.RequestVerification(t.Context(), ann, client()); err != nil || len(h.mails(t)) != 1 {
			t.Errorf("mails of another kind are limited with them: %v", err)
		}
		for range 5 {
			if err := h.RequestReset(t.Context(), "nobody@example.com", client()); err != nil {
				t.Fatal(err)
			}
		}
		if n := count(t, h, "identity_mail_requests"); n != 3 {
			t.Errorf("%d requests are kept for an unknown address, and 3 for a known one", n)
		}
	})
}

// Many processes write a mail once, and one that breaks off loses none.
func TestMailsAreWrittenOnce(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		const users = 20
		for i := range users {
			h.register(t, fmt.Sprintf("u%d@example.com", i), goodPass)
			if err := h.RequestReset(t.Context(), fmt.Sprintf("u%d@example.com", i), client()); err != nil {
				t.Fatal(err)
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.postman.Write(gone); err == nil {
			t.Error("a postman without time is content")
		}
		for _, err := range together(8, func(int) error { _, err := h.postman.Write(t.Context()); return err }) {
			if err != nil {
				t.Errorf("write: %v", err)
			}
		}
		seen := map[string]int{}
		for _, m := range h.mails(t) {
			seen[m.Purpose+" "+m.To]++
		}
		if len(seen) != 2*users {
			t.Errorf("%d of %d mails", len(seen), 2*users)
		}
		for which, n := range seen {
			if n != 1 {
				t.Errorf("%s was written %d times", which, n)
			}
		}
		if n := count(t, h, "identity_mail_requests"); n != 0 {
			t.Errorf("%d requests are left", n)
		}
	})
}

// A started postman writes by itself, soon, and what another left behind as well.
func TestPostmanWritesByItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	h.register(t, ann, goodPass)
	arrived := func(n int) func() bool {
		return func() bool { h.trap.Deliver(t.Context()); return len(h.trap.All()) == n }
	}
	if err := h.postman.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.postman.Stop(context.Background()) }()
	platformtest.Eventually(t, time.Minute, "what was left behind", arrived(1))
	if err := h.RequestReset(t.Context(), ann, client()); err != nil {
		t.Fatal(err)
	}
	platformtest.Eventually(t, time.Minute, "the mail that was asked for", arrived(2))
	h.register(t, "bob@example.com", goodPass)
	platformtest.Eventually(t, time.Minute, "the mail of a registration", arrived(3))
}

// What cannot be read, and whom no mail reaches, does not keep the others.
func TestPostmanGoesOn(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.register(t, ann, goodPass)
		odd, _ := h.register(t, "odd@example.com", goodPass)
		for _, email := range []string{"first@example.com", "odd@example.com", ann} {
			if err := h.RequestReset(t.Context(), email, client()); err != nil {
				t.Fatal(err)
			}
		}
		var first string
		if err := h.DB.Read().NewSelect().Table("identity_mail_requests").Column("id").Order("id").Limit(1).Scan(t.Context(), &first); err != nil {
			t.Fatal(err)
		}
		err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
			_, err := tx.NewUpdate().Table("identity_users").Set("email = 'from another program'").Where("id = ?", odd.Account.UserID).Exec(ctx)
			if err == nil {
				_, err = tx.NewUpdate().Table("identity_mail_requests").Set("sealed = ?", []byte("broken")).Where("id = ?", first).Exec(ctx)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if mails := h.mails(t); len(mails) != 2 || mails[0].To != ann || mails[1].To != ann {
			t.Errorf("%d mails", len(mails))
		}
		if n := count(t, h, "identity_mail_requests"); n != 0 {
			t.Errorf("%d requests are left", n)
		}
		if report, err := h.postman.Write(t.Context()); err != nil || report["written"]+report["nothing"] != 0 {
			t.Errorf("a second round: %v, %v", report, err)
		}
	})
}

// The owner is told of every change of credentials, whoever made it.
func TestNotices(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		_, p := h.register(t, ann, goodPass)
		h.mails(t)
		command := func(stdin string, args ...string) func() error {
			return func() error { _, _, err := run(t, h, stdin, args...); return err }
		}
		for _, step := range []struct {
			change  func() error
			purpose string
			says    string
		}{
			{func() error { return h.ChangePassword(t.Context(), p, change(goodPass, anotherPass)) }, "identity.password_changed", "Every other session"},
			{command(goodPass, "users", "set-password", ann, "--password-stdin"), "identity.password_changed", "An administrator"},
			{func() error { return h.RequestEmailChange(t.Context(), p, emailChange("b@example.com", goodPass)) }, "identity.email_change_requested", "b@example.com"},
			{command("", "users", "send-reset", ann), "identity.reset_password", "Somebody asked for a new password"},
			{func() error { return h.ResetPassword(t.Context(), reset(h.forgot(t, ann), anotherPass)) }, "identity.password_reset_done", "Every session"},
		} {
			if err := step.change(); err != nil {
				t.Fatalf("%s: %v", step.says, err)
			}
			found := 0
			for _, m := range h.mails(t) {
				if m.To == ann && m.Purpose == step.purpose && strings.Contains(m.Text, step.says) {
					found++
				}
			}
			if found != 1 {
				t.Errorf("the owner is told %q in %d mails", step.says, found)
			}
		}
		if f := h.facts.last(t); f.Action != identity.ActionPasswordReset {
			t.Errorf("fact %+v", f)
		}
	})
}

// Anybody can register the address of somebody else. Whatever they do with the account then,
// its owner's mailbox is not flooded; one that was proved is told everything.
func TestAddressesThatNobodyProvedAreNotFlooded(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.limited = true })
		sent := map[string]int{}
		count := func() {
			for _, m := range h.mails(t) {
				if m.To == ann {
					sent[m.Purpose]++
				}
			}
		}
		for range 6 {
			_, p := h.register(t, ann, goodPass)
			count()
			if err := h.Delete(t.Context(), p, identity.Deletion{Current: secret.New(goodPass), Client: client(), Precondition: anyTag}); err != nil {
				t.Fatal(err)
			}
		}
		if sent["identity.verify_email"] != 3 {
			t.Errorf("registered and deleted again and again: %v", sent)
		}
		_, p := h.register(t, ann, goodPass)
		passwords := []string{goodPass, anotherPass}
		turn := func(i int) {
			if err := h.ChangePassword(t.Context(), p, change(passwords[i%2], passwords[(i+1)%2])); err != nil {
				t.Fatal(err)
			}
			count()
		}
		for i := range 6 {
			turn(i)
			if err := h.RequestEmailChange(t.Context(), p, emailChange(fmt.Sprintf("x%d@example.com", i), passwords[(i+1)%2])); err != nil {
				t.Fatal(err)
			}
			count()
		}
		if n := sent["identity.password_changed"] + sent["identity.email_change_requested"]; n != 3 {
			t.Errorf("%d notices: %v", n, sent)
		}
		if _, err := identity.NewAdmin(h.Service).VerifyEmail(t.Context(), ann); err != nil {
			t.Fatal(err)
		}
		clear(sent)
		for i := range 6 {
			turn(i)
		}
		if sent["identity.password_changed"] != 6 {
			t.Errorf("the owner is told of %v", sent)
		}
	})
}

// An operator vouches for an address.
func TestVerifyEmailByOperator(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	h.register(t, ann, goodPass)
	for range 2 {
		if _, _, err := run(t, h, "", "users", "verify-email", ann); err != nil {
			t.Fatal(err)
		}
	}
	if a, err := h.check(t, ann, goodPass); err != nil || !a.EmailVerified {
		t.Errorf("%+v, %v", a, err)
	}
	if n := h.facts.count(identity.ActionEmailVerify, true); n != 1 || h.facts.last(t).ActorID != "" {
		t.Errorf("%d facts, the last is %+v", n, h.facts.last(t))
	}
	if mails := h.mails(t); len(mails) != 0 {
		t.Errorf("the registration still sends %d mails", len(mails))
	}
	for _, command := range []string{"verify-email", "send-reset"} {
		if _, _, err := run(t, h, "", "users", command, "nobody@example.com"); err == nil || !strings.Contains(err.Error(), "No user") {
			t.Errorf("%s of nobody: %v", command, err)
		}
	}
}
