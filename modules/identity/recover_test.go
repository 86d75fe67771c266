package identity_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/events"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

func TestResetPassword(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		done, _ := h.register(t, ann, goodPass)
		userID := done.Account.UserID
		if err := h.verify(t, tokenIn(t, h.mails(t), identity.PurposeVerify, ann)); err != nil {
			t.Fatal(err)
		}
		verified, err := h.directory.Account(t.Context(), userID)
		if err != nil {
			t.Fatal(err)
		}
		token, stamp := h.forgot(t, "ann@example.com"), readStamp(t, h)
		if f := h.facts.last(t); f.Action != identity.ActionPasswordResetRequest || !f.Success || f.ActorID != "" || f.ResourceID != userID {
			t.Errorf("fact of the request: %+v", f)
		}
		if _, err := h.check(t, ann, goodPass); err != nil {
			t.Errorf("asking alone changes the password: %v", err)
		}
		if _, err := h.issuer.Authenticate(t.Context(), done.Session.Token.Reveal()); err != nil {
			t.Errorf("asking alone ends sessions: %v", err)
		}
		proofs := len(h.issuer.proved)
		if err := h.ResetPassword(t.Context(), reset(token, anotherPass)); err != nil {
			t.Fatal(err)
		}
		if _, err := h.check(t, ann, goodPass); !errors.Is(err, apperr.ErrAuthentication) {
			t.Errorf("the old password: %v", err)
		}
		after, err := h.check(t, ann, anotherPass)
		if err != nil || after.CredentialVersion != verified.CredentialVersion+1 || after.ETag != verified.ETag || after.Status != "active" {
			t.Errorf("afterwards %+v, %v", after, err)
		}
		if _, err := h.issuer.Authenticate(t.Context(), done.Session.Token.Reveal()); !errors.Is(err, apperr.ErrInvalidToken) {
			t.Errorf("the session from before: %v", err)
		}
		if n := len(h.issuer.sessions); n != 0 {
			t.Errorf("a recovery leaves %d sessions", n)
		}
		if len(h.issuer.proved) != proofs {
			t.Error("the recovery of a verified account passes for its first proof")
		}
		if want := (events.CredentialChanged{UserID: userID, Reason: "password_reset"}); len(h.issuer.ended) != 1 || h.issuer.ended[0] != want {
			t.Errorf("published %+v", h.issuer.ended)
		}
		if !h.log.Stale(invalidation.KindUser, userID, stamp) {
			t.Error("what is remembered of the user was not made stale")
		}
		if f := h.facts.last(t); f.Action != identity.ActionPasswordReset || !f.Success || f.ActorID != userID || strings.Contains(asText(f), token) {
			t.Errorf("fact %+v", f)
		}
		mails := h.mails(t)
		if len(mails) != 1 || mails[0].To != ann || mails[0].Purpose != "identity.password_reset_done" {
			t.Errorf("the owner is told %+v", mails)
		}
	})
}

// Slips leave the token alone, and everything that is wrong is said at once.
func TestResetPasswordRefusesInput(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...))
	h.register(t, ann, goodPass)
	h.mails(t)
	token := h.forgot(t, ann)
	for name, tc := range map[string]struct {
		in     identity.Reset
		fields string
	}{
		"short":      {reset(token, "short"), "password"},
		"breached":   {reset(token, "password1"), "password"},
		"the email":  {reset(token, ann), "password"},
		"mismatch":   {identity.Reset{Token: token, Password: secret.New(goodPass), Confirm: secret.New(anotherPass)}, "password_confirm"},
		"everything": {identity.Reset{Token: "x", Password: secret.New("x")}, "password,password_confirm,token"},
	} {
		err := apperr.From(h.ResetPassword(t.Context(), tc.in))
		if err == nil || err.Code() != apperr.CodeValidation || len(err.Details()) != strings.Count(tc.fields, ",")+1 {
			t.Errorf("%s: %v %v", name, err, err.Details())
			continue
		}
		for field := range strings.SplitSeq(tc.fields, ",") {
			if err.Details()[field] == nil {
				t.Errorf("%s: no complaint about %s", name, field)
			}
		}
	}
	if err := h.ResetPassword(t.Context(), reset(token, anotherPass)); err != nil {
		t.Errorf("the token was used up: %v", err)
	}
	if err := h.ResetPassword(t.Context(), reset(strings.Repeat("x", 43), anotherPass)); !errors.Is(err, identity.ErrTokenGone) {
		t.Errorf("an unknown token: %v", err)
	}
}

// Somebody registers with the address of another, and prepares what they can. Once the owner
// of the address recovers the account, all of it is worth nothing.
func TestRecoveryEndsWhatWasPrepared(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		done, _ := h.register(t, ann, goodPass)
		userID := done.Account.UserID
		verification := tokenIn(t, h.mails(t), identity.PurposeVerify, ann)
		second := h.signIn(t, ann, goodPass)
		moved := h.changeEmail(t, userID, "thief@example.com", goodPass)
		if err := h.ResetPassword(t.Context(), reset(h.forgot(t, ann), anotherPass)); err != nil {
			t.Fatal(err)
		}
		a, err := h.check(t, ann, anotherPass)
		if err != nil || !a.EmailVerified || a.UserID != userID || a.ETag == done.Account.ETag {
			t.Errorf("the owner finds %+v, %v", a, err)
		}
		for _, s := range []string{done.Session.Token.Reveal(), second.Token.Reveal()} {
			if _, err := h.issuer.Authenticate(t.Context(), s); !errors.Is(err, apperr.ErrInvalidToken) {
				t.Errorf("the stranger's session: %v", err)
			}
		}
		for name, token := range map[string]string{"change of address": moved, "verification": verification} {
			if err := h.verify(t, token); !errors.Is(err, identity.ErrTokenGone) {
				t.Errorf("the stranger's %s: %v", name, err)
			}
		}
		if _, err := h.check(t, ann, goodPass); !errors.Is(err, apperr.ErrAuthentication) {
			t.Errorf("the stranger's password: %v", err)
		}
		if n := count(t, h, "identity_tokens"); n != 0 {
			t.Errorf("%d tokens are left", n)
		}
		if ended := h.issuer.ended; len(ended) != 1 || ended[0].KeepSessionID != "" {
			t.Errorf("the others heard %+v", ended)
		}
		if want := (events.AddressProved{UserID: userID}); len(h.issuer.proved) != 1 || h.issuer.proved[0] != want {
			t.Errorf("the others heard of the proof %+v", h.issuer.proved)
		}
	})
}

// A sign-in whose password was checked before the recovery fails after it.
func TestRecoveryDuringSignIn(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.register(t, ann, goodPass)
		h.mails(t)
		token := h.forgot(t, ann)
		account, err := h.check(t, ann, goodPass)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.ResetPassword(t.Context(), reset(token, anotherPass)); err != nil {
			t.Fatal(err)
		}
		if err := h.completeSignIn(t, account); !errors.Is(err, apperr.ErrAuthentication) {
			t.Errorf("the sign-in ends with %v", err)
		}
	})
}

// A recovery lets nobody in who may not come in, and gives a password to those without one.
func TestRecoveryAndStatus(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		done, _ := h.register(t, ann, goodPass)
		userID := done.Account.UserID
		h.mails(t)
		admin := identity.NewAdmin(h.Service)
		for _, status := range []identity.Status{identity.StatusSuspended, identity.StatusInactive} {
			if _, err := admin.SetStatus(t.Context(), ann, status); err != nil {
				t.Fatal(err)
			}
			if err := h.RequestReset(t.Context(), ann, client()); err != nil {
				t.Errorf("%s: %v", status, err)
			}
			if mails := h.mails(t); len(mails) != 0 {
				t.Errorf("%s: %d mails", status, len(mails))
			}
			if err := admin.SendReset(t.Context(), ann); !errors.Is(err, apperr.ErrConflict) {
				t.Errorf("an operator, %s: %v", status, err)
			}
		}
		setHash(t, h, userID, "")
		for _, status := range []identity.Status{identity.StatusPending, identity.StatusComplianceSuspended} {
			if _, err := admin.SetStatus(t.Context(), ann, status); err != nil {
				t.Fatal(err)
			}
			if err := h.ResetPassword(t.Context(), reset(h.forgot(t, ann), anotherPass+string(status))); err != nil {
				t.Fatal(err)
			}
			if a, err := h.check(t, ann, anotherPass+string(status)); err != nil || a.Status != string(status) {
				t.Errorf("afterwards %s: %+v, %v", status, a, err)
			}
			h.mails(t)
		}
	})
}

// After a recovery the owner's guesses are counted apart from the strangers' that locked
// them out.
func TestRecoveryGetsPastTheDelay(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.guarded = true })
	_, p := h.register(t, ann, goodPass)
	h.mails(t)
	token := h.forgot(t, ann)
	h.Clock.Advance(31 * 24 * time.Hour) // the address of the registration is forgotten
	for range 30 {
		_ = h.ChangePassword(t.Context(), p, change("wrong", anotherPass))
	}
	if err := h.ResetPassword(t.Context(), reset(token, anotherPass)); !errors.Is(err, identity.ErrTokenGone) {
		t.Fatalf("an old token: %v", err)
	}
	if err := h.ChangePassword(t.Context(), p, change(goodPass, anotherPass)); !errors.Is(err, apperr.ErrRateLimited) {
		t.Fatalf("the owner is not slowed down: %v", err)
	}
	if err := h.ResetPassword(t.Context(), reset(h.forgot(t, ann), anotherPass)); err != nil {
		t.Fatal(err)
	}
	if err := h.ChangePassword(t.Context(), p, change(anotherPass, goodPass)); err != nil {
		t.Errorf("the owner after the recovery: %v", err)
	}
}
