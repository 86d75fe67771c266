package identity_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/uptrace/bun"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/authn"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/mail"
	"github.com/authy2/backend/platform/platformtest"
)

func TestVerifyEmail(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		done, _ := h.register(t, ann, goodPass)
		mails := h.mails(t)
		if len(mails) != 1 {
			t.Fatalf("a registration sends %d mails", len(mails))
		}
		if again := h.mails(t); len(again) != 0 {
			t.Errorf("and later %d more", len(again))
		}
		token, stamp := tokenIn(t, mails, identity.PurposeVerify, ann), readStamp(t, h)
		a, err := h.VerifyEmail(t.Context(), token)
		var u identity.User
		if err != nil || json.Unmarshal(a.Profile, &u) != nil || !u.EmailVerified || !a.EmailVerified || a.ETag == done.Account.ETag {
			t.Fatalf("verified %+v, %v", u, err)
		}
		if !h.log.Stale(invalidation.KindUser, u.ID, stamp) {
			t.Error("what is remembered of the user was not made stale")
		}
		if f := h.facts.last(t); f.Action != identity.ActionEmailVerify || !f.Success || f.ActorID != u.ID || f.ResourceID != u.ID {
			t.Errorf("fact %+v", f)
		}
		if _, err := h.issuer.Authenticate(t.Context(), done.Session.Token.Reveal()); err != nil {
			t.Errorf("the session is gone: %v", err)
		}
		if err := h.verify(t, token); !errors.Is(err, identity.ErrTokenGone) {
			t.Errorf("a second time: %v", err)
		}
		if f := h.facts.last(t); f.Action != identity.ActionEmailVerify || f.Success || f.ErrorType != "GONE" || strings.Contains(asText(f), token) {
			t.Errorf("fact of the refusal: %+v", f)
		}
		if err := h.verify(t, "x"); apperr.From(err).Details()["token"] == nil {
			t.Errorf("what is no token: %v", err)
		}
	})
}

// asText is all that a value says.
func asText(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// A mail is sent again to whom it concerns; nobody is told to whom that is.
func TestRequestVerification(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		h.register(t, ann, goodPass)
		h.register(t, "done@example.com", goodPass)
		h.register(t, "gone@example.com", goodPass)
		first := h.mails(t)
		if err := h.verify(t, tokenIn(t, first, identity.PurposeVerify, "done@example.com")); err != nil {
			t.Fatal(err)
		}
		if _, err := identity.NewAdmin(h.Service).SetStatus(t.Context(), "gone@example.com", identity.StatusSuspended); err != nil {
			t.Fatal(err)
		}
		for email, want := range map[string]struct {
			mails int
			fault string
		}{"ANN@example.com": {1, ""}, "done@example.com": {0, "CONFLICT"}, "gone@example.com": {0, "AUTHORIZATION_ERROR"}, "nobody@example.com": {0, "NOT_FOUND"}} {
			if err := h.RequestVerification(t.Context(), email, client()); err != nil {
				t.Errorf("%s: %v", email, err)
			}
			mails := h.mails(t)
			if len(mails) != want.mails {
				t.Errorf("%s is sent %d mails", email, len(mails))
			}
			f := h.facts.last(t)
			if f.Action != identity.ActionEmailVerifyRequest || f.Success != (want.fault == "") || f.ErrorType != want.fault || f.ActorID != "" ||
				(f.Personal["email"] != "") != (email == "nobody@example.com") || (f.ResourceID == "") != (email == "nobody@example.com") {
				t.Errorf("%s: fact %+v", email, f)
			}
			if want.mails == 0 {
				continue
			}
			second := tokenIn(t, mails, identity.PurposeVerify, ann)
			if err := h.verify(t, tokenIn(t, first, identity.PurposeVerify, ann)); !errors.Is(err, identity.ErrTokenGone) {
				t.Errorf("the older link: %v", err)
			}
			if err := h.verify(t, second); err != nil {
				t.Errorf("the newer link: %v", err)
			}
		}
		if err := h.RequestVerification(t.Context(), "ann@x", client()); apperr.From(err).Details()["email"] == nil {
			t.Errorf("no address: %v", err)
		}
	})
}

func TestVerifiedEmailGate(t *testing.T) {
	t.Parallel()
	for _, required := range []bool{false, true} {
		for _, verified := range []bool{false, true} {
			gate := identity.NewVerifiedEmailGate(identity.Config{RequireVerifiedEmail: required})
			d, err := gate.Check(t.Context(), bun.Tx{}, authn.Attempt{Account: authn.Account{EmailVerified: verified}})
			if err != nil {
				t.Fatal(err)
			}
			if refused := required && !verified; refused != (d.Verdict == authn.Refuse) || (!refused && d.Verdict != authn.Continue) {
				t.Errorf("required %v, verified %v: %+v", required, verified, d)
			}
			if d.Verdict == authn.Refuse && (d.Err.Code() != apperr.CodeEmailNotVerified || d.Err.Kind() != apperr.Forbidden) {
				t.Errorf("a refusal says %v", d.Err)
			}
		}
	}
}

// Where addresses must be verified, registration makes the account and signs nobody in.
func TestRegisterWhereAddressesMustBeVerified(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.config.RequireVerifiedEmail = true })
		done, _ := h.register(t, ann, goodPass)
		if done.Session != nil || done.Account.Email != ann || count(t, h, "identity_users") != 1 {
			t.Errorf("registered %+v", done)
		}
		if n := len(h.issuer.sessions); n != 0 {
			t.Errorf("%d sessions", n)
		}
		if err := h.verify(t, tokenIn(t, h.mails(t), identity.PurposeVerify, ann)); err != nil {
			t.Fatal(err)
		}
		h.signIn(t, ann, goodPass)
	})
}

// Where no mail is sent, nobody is promised one.
func TestWithoutMail(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...), func(s *setup) { s.noMail = true })
	h.register(t, ann, goodPass)
	if err := h.RequestReset(t.Context(), ann, client()); err != nil {
		t.Error(err)
	}
	if n := count(t, h, "identity_mail_requests"); n != 0 || len(h.mails(t)) != 0 {
		t.Errorf("%d requests wait", n)
	}
	if err := identity.NewAdmin(h.Service).SendReset(t.Context(), ann); !errors.Is(err, apperr.ErrConflict) {
		t.Errorf("an operator is told %v", err)
	}
}

// The operator's links.
func TestMailLinks(t *testing.T) {
	t.Parallel()
	h := newHouse(t, platformtest.SQLite(t, lines()...), func(s *setup) {
		s.config.EmailVerifyURL, s.config.PasswordResetURL = "https://app.example.com/v/{token}", "https://app.example.com/#/reset?t={token}&x=1"
	})
	h.register(t, ann, goodPass)
	if err := h.RequestReset(t.Context(), ann, client()); err != nil {
		t.Fatal(err)
	}
	mails := h.mails(t)
	slices.SortFunc(mails, func(a, b platformtest.Mail) int { return strings.Compare(a.Purpose, b.Purpose) })
	if len(mails) != 2 || !strings.Contains(mails[0].Text, "\nhttps://app.example.com/#/reset?t=") || !strings.Contains(mails[0].HTML, "&amp;x=1\"") ||
		!strings.Contains(mails[1].Text, "\nhttps://app.example.com/v/") {
		t.Errorf("%d mails: %+v", len(mails), mails)
	}
	for template, ok := range map[string]bool{"": true, "https://app.example.com/{token}": true, "https://app.example.com/": false, "/x/{token}": false} {
		c := identity.DefaultConfig()
		c.EmailVerifyURL = mail.LinkTemplate(template)
		if err := c.Validate(); (err == nil) != ok || (err != nil && !strings.Contains(err.Error(), "email_verify_url")) {
			t.Errorf("EMAIL_VERIFY_URL=%s: %v", template, err)
		}
		c.PasswordResetURL, c.EmailVerifyURL = c.EmailVerifyURL, ""
		if err := c.Validate(); (err == nil) != ok || (err != nil && !strings.Contains(err.Error(), "password_reset_url")) {
			t.Errorf("PASSWORD_RESET_URL=%s: %v", template, err)
		}
	}
}
