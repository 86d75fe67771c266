package identity_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

func anyTag(string) error { return nil }

func text(s string) identity.Change { return identity.Change{Set: true, Value: &s} }

func TestChangeProfile(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		done, _ := h.register(t, ann, goodPass)
		userID := done.Account.UserID
		stamp := readStamp(t, h)
		h.Clock.Advance(time.Minute)
		a, err := h.ChangeProfile(t.Context(), userID, identity.ProfileChange{AvatarURL: text("https://example.com/a.png"), Precondition: anyTag})
		if err != nil || a.ETag == done.Account.ETag {
			t.Fatalf("got %s, %v", a.ETag, err)
		}
		if !h.log.Stale(invalidation.KindUser, userID, stamp) {
			t.Error("what is remembered of the user was not made stale")
		}
		if f := h.facts.last(t); f.Action != identity.ActionUpdate || f.ActorID != userID {
			t.Errorf("fact %+v", f)
		}
		again, err := h.ChangeProfile(t.Context(), userID, identity.ProfileChange{AvatarURL: text("https://example.com/a.png"), Precondition: anyTag})
		if err != nil || again.ETag != a.ETag || string(again.Profile) != string(a.Profile) {
			t.Errorf("a change to what is there already: %s, %v", again.ETag, err)
		}
		if name := value[string](t, h, "full_name", userID); name != "Ann Example" {
			t.Errorf("what was not given changed to %q", name)
		}
		if a, err = h.ChangeProfile(t.Context(), userID, identity.ProfileChange{FullName: identity.Change{Set: true}, Precondition: anyTag}); err != nil {
			t.Fatal(err)
		}
		if name := value[*string](t, h, "full_name", userID); name != nil {
			t.Errorf("null leaves %q", *name)
		}
		refused := func(etag string) error {
			if etag != a.ETag {
				t.Errorf("the precondition is asked about %s, want %s", etag, a.ETag)
			}
			return apperr.ErrPreconditionFailed
		}
		if _, err := h.ChangeProfile(t.Context(), userID, identity.ProfileChange{FullName: text("x"), Precondition: refused}); !errors.Is(err, apperr.ErrPreconditionFailed) {
			t.Errorf("got %v", err)
		}
	})
}

// readStamp is the position of a read that sees everything committed so far.
func readStamp(t *testing.T, h *house) (at invalidation.Position) {
	t.Helper()
	if err := h.DB.Read().NewSelect().ColumnExpr(h.log.StampSQL()).Scan(t.Context(), &at); err != nil {
		t.Fatal(err)
	}
	return at
}

func change(current, fresh string) identity.PasswordChange {
	return identity.PasswordChange{Current: secret.New(current), New: secret.New(fresh), Confirm: secret.New(fresh), Client: client()}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		done, p := h.register(t, ann, goodPass)
		other := h.signIn(t, ann, goodPass)
		old, err := h.check(t, ann, goodPass)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.ChangePassword(t.Context(), p, change("not it at all", anotherPass)); !errors.Is(err, apperr.ErrAuthentication) {
			t.Errorf("wrong current password: %v", err)
		}
		if f := h.facts.last(t); f.Action != identity.ActionPasswordChange || f.Success || f.ErrorType != "AUTHENTICATION_ERROR" {
			t.Errorf("fact of the refusal: %+v", f)
		}
		for name, in := range map[string]identity.PasswordChange{
			"breached": change(goodPass, "password1"), "the same": change(goodPass, goodPass), "the email": change(goodPass, ann),
			"mismatch": {Current: secret.New(goodPass), New: secret.New(anotherPass), Confirm: secret.New("x")},
		} {
			if err := h.ChangePassword(t.Context(), p, in); apperr.From(err).Code() != apperr.CodeValidation {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := h.ChangePassword(t.Context(), p, change(goodPass, anotherPass)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.check(t, ann, goodPass); !errors.Is(err, apperr.ErrAuthentication) {
			t.Errorf("the old password: %v", err)
		}
		fresh, err := h.check(t, ann, anotherPass)
		if err != nil || fresh.CredentialVersion != old.CredentialVersion+1 || fresh.ETag != old.ETag {
			t.Errorf("got version %d and tag %s, %v", fresh.CredentialVersion, fresh.ETag, err)
		}
		if _, err := h.issuer.Authenticate(t.Context(), done.Session.Token.Reveal()); err != nil {
			t.Errorf("the session that made the change: %v", err)
		}
		if _, err := h.issuer.Authenticate(t.Context(), other.Token.Reveal()); !errors.Is(err, apperr.ErrInvalidToken) {
			t.Errorf("another session: %v", err)
		}
		want := events.CredentialChanged{UserID: p.UserID, KeepSessionID: p.SessionID, Reason: "password_changed"}
		if len(h.issuer.ended) != 1 || h.issuer.ended[0] != want {
			t.Errorf("published %+v", h.issuer.ended)
		}
	})
}

// Two changes that were proved by one password: the second finds its proof outdated.
func TestChangePasswordRace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		_, p := h.register(t, ann, goodPass)
		var all sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			all.Go(func() {
				errs[i] = h.ChangePassword(t.Context(), p, change(goodPass, anotherPass+string(rune('a'+i))))
			})
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, apperr.ErrAuthentication):
				t.Errorf("a loser is told %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d changes succeeded", won)
		}
	})
}

// Wrong current passwords count towards the account's limit like log-ins.
func TestGuessingIsSlowedDown(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.guarded = true })
	_, p := h.register(t, ann, goodPass)
	limited := func(try func() error) {
		t.Helper()
		for range 20 {
			err := try()
			if errors.Is(err, apperr.ErrRateLimited) {
				if apperr.From(err).RetryAfter() <= 0 {
					t.Error("the caller is not told how long to wait")
				}
				return
			}
			if !errors.Is(err, apperr.ErrAuthentication) {
				t.Fatalf("got %v", err)
			}
		}
		t.Fatal("twenty guesses passed")
	}
	limited(func() error { return h.ChangePassword(t.Context(), p, change("wrong", anotherPass)) })
	if err := h.ChangePassword(t.Context(), p, change(goodPass, anotherPass)); !errors.Is(err, apperr.ErrRateLimited) {
		t.Errorf("the right password within the delay: %v", err)
	}
	h.Clock.Advance(10 * time.Minute)
	if err := h.ChangePassword(t.Context(), p, change(goodPass, anotherPass)); err != nil {
		t.Errorf("the owner after the delay: %v", err)
	}
	limited(func() error {
		return h.Delete(t.Context(), p, identity.Deletion{Current: secret.New("wrong"), Client: client(), Precondition: anyTag})
	})
}

// veto is a deletion guard.
type veto struct{ err error }

func (v *veto) CheckUserDeletion(context.Context, bun.Tx, string) error { return v.err }

func TestDelete(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		guard := &veto{}
		h := newHouse(t, b, func(s *setup) { s.guards = identity.DeletionGuards{guard} })
		done, p := h.register(t, ann, goodPass)
		wish := func(password string) identity.Deletion {
			return identity.Deletion{Current: secret.New(password), Client: client(), Precondition: anyTag}
		}
		if err := h.Delete(t.Context(), p, wish("")); apperr.From(err).Details()["current_password"] == nil {
			t.Errorf("without a password: %v", err)
		}
		if err := h.Delete(t.Context(), p, wish("not it at all")); !errors.Is(err, apperr.ErrAuthentication) {
			t.Errorf("wrong password: %v", err)
		}
		guard.err = apperr.ErrConflict.With("organizations", []string{"acme"})
		if err := h.Delete(t.Context(), p, wish(goodPass)); !errors.Is(err, apperr.ErrConflict) || apperr.From(err).Details()["organizations"] == nil {
			t.Errorf("veto: %v", err)
		}
		if f := h.facts.last(t); f.Action != identity.ActionDelete || f.Success {
			t.Errorf("fact of the veto: %+v", f)
		}
		if err := identity.NewAdmin(h.Service).Delete(t.Context(), ann); !errors.Is(err, apperr.ErrConflict) {
			t.Errorf("veto of an operator's deletion: %v", err)
		}
		if f := h.facts.last(t); f.Action != identity.ActionDelete || f.Success || f.ActorID != "" || f.ResourceID != p.UserID {
			t.Errorf("fact of the second veto: %+v", f)
		}
		if _, _, err := run(t, h, "", "users", "delete", ann); err == nil || err.Error() != apperr.ErrConflict.Message()+"; organizations: [acme]" {
			t.Errorf("an operator is told: %v", err)
		}
		if _, err := h.issuer.Authenticate(t.Context(), done.Session.Token.Reveal()); err != nil {
			t.Fatalf("a deletion that was refused ended the session: %v", err)
		}
		guard.err = nil
		if err := h.Delete(t.Context(), p, wish(goodPass)); err != nil {
			t.Fatal(err)
		}
		if f := h.facts.last(t); f.Action != identity.ActionDelete || !f.Success {
			t.Errorf("fact %+v", f)
		}
		if gone := h.issuer.gone; len(gone) != 1 || gone[0] != (events.UserDeleted{UserID: p.UserID}) {
			t.Errorf("the others heard %+v", gone)
		}
		if _, err := h.check(t, ann, goodPass); !errors.Is(err, apperr.ErrAuthentication) {
			t.Errorf("a log-in afterwards: %v", err)
		}
		if _, err := h.issuer.Authenticate(t.Context(), done.Session.Token.Reveal()); !errors.Is(err, apperr.ErrInvalidToken) {
			t.Errorf("the session afterwards: %v", err)
		}
		if count(t, h, "identity_users") != 0 || count(t, h, "identity_deletions") != 1 {
			t.Errorf("%d users and %d marks are left", count(t, h, "identity_users"), count(t, h, "identity_deletions"))
		}
		if err := h.Delete(t.Context(), p, wish(goodPass)); !errors.Is(err, apperr.ErrInvalidToken) {
			t.Errorf("a second time: %v", err)
		}
		if again, _ := h.register(t, ann, anotherPass); again.Account.UserID == p.UserID {
			t.Error("the address came back with the old id")
		}
	})
}

// Others are told to forget an address only when it was proved, or by an operator: whoever
// registers the address of somebody else could otherwise remove what is theirs.
func TestDeleteForgetsProvedAddresses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	leave := func(p *authn.Principal) error {
		return h.Delete(t.Context(), p, identity.Deletion{Current: secret.New(goodPass), Client: client(), Precondition: anyTag})
	}
	for name, tc := range map[string]struct {
		proved bool
		end    func(p *authn.Principal) error
		want   string
	}{
		"not proved":  {false, leave, ""},
		"proved":      {true, leave, ann},
		"an operator": {false, func(*authn.Principal) error { return identity.NewAdmin(h.Service).Delete(t.Context(), ann) }, ann},
	} {
		_, p := h.register(t, ann, goodPass)
		if tc.proved {
			prove(t, h, p.UserID)
		}
		before := len(h.issuer.gone)
		if err := tc.end(p); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if gone := h.issuer.gone[before:]; len(gone) != 1 || gone[0] != (events.UserDeleted{UserID: p.UserID, Email: tc.want}) {
			t.Errorf("%s: the others heard %+v", name, gone)
		}
	}
}

// prove marks the address of a user as theirs.
func prove(t *testing.T, h *house, userID string) {
	t.Helper()
	err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewUpdate().Table("identity_users").Set("email_verified = TRUE").Where("id = ?", userID).Exec(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Users without a password need none to leave, if they signed in just now.
func TestDeleteWithoutPassword(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	_, p := h.register(t, ann, goodPass)
	setHash(t, h, p.UserID, "")
	if _, err := h.check(t, ann, ""); !errors.Is(err, apperr.ErrAuthentication) {
		t.Fatalf("no password signs in: %v", err)
	}
	if err := h.ChangePassword(t.Context(), p, change("anything", anotherPass)); !errors.Is(err, apperr.ErrAuthentication) {
		t.Errorf("a change of no password: %v", err)
	}
	wish := identity.Deletion{Client: client(), Precondition: anyTag}
	p.AuthenticatedAt, p.FreshFor = h.Clock.Now().Add(-time.Minute), time.Minute-time.Second
	if err := h.Delete(t.Context(), p, wish); apperr.From(err).Code() != apperr.CodeStepUpRequired {
		t.Errorf("an old session without a password: %v", err)
	}
	p.FreshFor = time.Minute
	if err := h.Delete(t.Context(), p, wish); err != nil {
		t.Error(err)
	}
}

// A sign-in and a deletion at one instant: no session outlives its user.
func TestDeleteDuringSignIn(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		for range 10 {
			_, p := h.register(t, ann, goodPass)
			account, err := h.check(t, ann, goodPass)
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			all.Go(func() {
				err := h.DB.InTx(t.Context(), func(ctx context.Context, tx bun.Tx) error {
					_, err := h.issuer.CompleteSignIn(ctx, tx, authn.Attempt{Account: account, Client: client()})
					return err
				})
				if err != nil && !errors.Is(err, apperr.ErrAuthentication) {
					t.Errorf("sign-in: %v", err)
				}
			})
			all.Go(func() {
				if err := h.Delete(t.Context(), p, identity.Deletion{Current: secret.New(goodPass), Client: client(), Precondition: anyTag}); err != nil {
					t.Errorf("delete: %v", err)
				}
			})
			all.Wait()
			if n := count(t, h, "identity_users"); n != 0 {
				t.Fatalf("%d users are left", n)
			}
		}
	})
}

func TestExport(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		_, p := h.register(t, ann, goodPass)
		all, err := h.Export(t.Context(), p.UserID)
		if err != nil || all["user"] == nil {
			t.Fatalf("got %v, %v", all, err)
		}
		if h.facts.count(identity.ActionExport, true) != 1 {
			t.Error("an export leaves no fact")
		}
	})
}
