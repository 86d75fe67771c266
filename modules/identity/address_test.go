package identity_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/authy2/backend/modules/identity"
	"github.com/authy2/backend/platform/apperr"
	"github.com/authy2/backend/platform/invalidation"
	"github.com/authy2/backend/platform/platformtest"
	"github.com/authy2/backend/platform/secret"
)

func emailChange(to, password string) identity.EmailChange {
	return identity.EmailChange{Email: to, Current: secret.New(password), Client: client()}
}

func TestChangeEmail(t *testing.T) {
	t.Parallel()
	const bob = "bob@example.com"
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		done, p := h.register(t, ann, goodPass)
		verification := tokenIn(t, h.mails(t), identity.PurposeVerify, ann)
		if err := h.RequestEmailChange(t.Context(), p, emailChange("Bob@Example.com", goodPass)); err != nil {
			t.Fatal(err)
		}
		if f := h.facts.last(t); f.Action != identity.ActionEmailChangeRequest || !f.Success || f.Personal["email"] != bob || f.PersonalOf != p.UserID || len(f.Metadata) != 0 {
			t.Errorf("fact of the request: %+v", f)
		}
		mails := h.mails(t)
		token := tokenIn(t, mails, identity.PurposeChange, bob)
		if len(mails) != 2 || mails[0].To+mails[1].To != bob+ann && mails[0].To+mails[1].To != ann+bob {
			t.Fatalf("%d mails", len(mails))
		}
		for _, m := range mails {
			if m.To == ann && (m.Purpose != "identity.email_change_requested" || !strings.Contains(m.Text, bob) || strings.Contains(m.Text, token)) {
				t.Errorf("the old address is told\n%s", m.Text)
			}
		}
		all, err := h.Export(t.Context(), p.UserID)
		if err != nil || !strings.Contains(asText(all), `"pending_email":"bob@example.com"`) {
			t.Errorf("the export says %s, %v", asText(all), err)
		}
		if a, err := h.check(t, ann, goodPass); err != nil || a.Email != ann {
			t.Errorf("asking alone changes the address: %v", err)
		}
		recovery, stamp := h.forgot(t, ann), readStamp(t, h)
		a, err := h.VerifyEmail(t.Context(), token)
		if err != nil || a.Email != bob || !a.EmailVerified || a.UserID != p.UserID || a.ETag == done.Account.ETag {
			t.Fatalf("changed to %+v, %v", a, err)
		}
		if f := h.facts.last(t); f.Action != identity.ActionEmailChange || !f.Success || f.ActorID != p.UserID || f.Personal["email"] != bob || f.Personal["old_email"] != ann {
			t.Errorf("fact %+v", f)
		}
		if !h.log.Stale(invalidation.KindUser, p.UserID, stamp) {
			t.Error("what is remembered of the user was not made stale")
		}
		if _, err := h.check(t, bob, goodPass); err != nil {
			t.Errorf("a log-in with the new address: %v", err)
		}
		if _, err := h.check(t, ann, goodPass); !errors.Is(err, apperr.ErrAuthentication) {
			t.Errorf("a log-in with the old address: %v", err)
		}
		if held, err := h.issuer.Authenticate(t.Context(), done.Session.Token.Reveal()); err != nil || held.Account.Email != bob {
			t.Errorf("the session shows %+v, %v", held, err)
		}
		if mails := h.mails(t); len(mails) != 1 || mails[0].To != ann || mails[0].Purpose != "identity.email_changed" || !strings.Contains(mails[0].Text, bob) {
			t.Errorf("afterwards %+v", mails)
		}
		if err := h.ResetPassword(t.Context(), reset(recovery, anotherPass)); !errors.Is(err, identity.ErrTokenGone) {
			t.Errorf("a recovery that was mailed to the old address: %v", err)
		}
		if err := h.verify(t, verification); !errors.Is(err, identity.ErrTokenGone) {
			t.Errorf("a verification of the old address: %v", err)
		}
		h.register(t, ann, goodPass) // the address is free
	})
}

func TestChangeEmailRefuses(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b, func(s *setup) { s.limited = true })
		_, p := h.register(t, ann, goodPass)
		h.register(t, "taken@example.com", goodPass)
		h.mails(t)
		for name, tc := range map[string]struct {
			in  identity.EmailChange
			err error
		}{
			"no address":            {emailChange("x", goodPass), apperr.ErrValidation},
			"the same address":      {emailChange("ANN@example.com", goodPass), apperr.ErrValidation},
			"without a password":    {emailChange("bob@example.com", ""), apperr.ErrValidation},
			"wrong password":        {emailChange("bob@example.com", "not it"), apperr.ErrAuthentication},
			"taken":                 {emailChange("Taken@example.com", goodPass), identity.ErrEmailTaken},
			"taken, wrong password": {emailChange("taken@example.com", "not it"), apperr.ErrAuthentication},
			"no mail reaches it":    {emailChange(strings.Repeat("l", 65)+"@example.com", goodPass), apperr.ErrValidation},
		} {
			if err := h.RequestEmailChange(t.Context(), p, tc.in); !errors.Is(err, tc.err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := h.facts.count(identity.ActionEmailChangeRequest, false); n != 3 {
			t.Errorf("%d refusals were recorded", n)
		}
		if mails := h.mails(t); len(mails) != 0 {
			t.Errorf("%d mails", len(mails))
		}
		for range 3 {
			if err := h.RequestEmailChange(t.Context(), p, emailChange("bob@example.com", goodPass)); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.RequestEmailChange(t.Context(), p, emailChange("bob@example.com", goodPass)); !errors.Is(err, apperr.ErrRateLimited) || apperr.From(err).RetryAfter() <= 0 {
			t.Errorf("the fourth within the hour: %v", err)
		}
	})
}

// Two users confirm the same address at one instant: one gets it, the other is told so.
func TestChangeEmailRace(t *testing.T) {
	t.Parallel()
	platformtest.Backends(t, lines(), func(t *testing.T, b platformtest.Backend) {
		h := newHouse(t, b)
		const wanted, rivals = "wanted@example.com", 8
		tokens := make([]string, rivals)
		for i := range tokens {
			done, _ := h.register(t, fmt.Sprintf("u%d@example.com", i), goodPass)
			h.mails(t)
			tokens[i] = h.changeEmail(t, done.Account.UserID, wanted, goodPass)
		}
		won := 0
		for _, err := range together(rivals, func(i int) error { return h.verify(t, tokens[i]) }) {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, identity.ErrEmailTaken):
				t.Errorf("a loser is told %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d got the address", won)
		}
		if n := h.facts.count(identity.ActionEmailChange, false); n != rivals-1 {
			t.Errorf("%d refusals were recorded", n)
		}
	})
}
